"""A small OpenID Connect provider on 127.0.0.1: discovery, authorization code with PKCE, a signed id token.

`python oidc_provider.py` prints its port. Whoever signs in chooses the e-mail on its page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "stagegap-tests", "a-secret-of-the-tests"
KEY = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})
PEOPLE = ("ab@example.org", "cd@example.org")


class Provider(BaseHTTPRequestHandler):
    codes: dict[str, dict[str, str]] = {}  # noqa: RUF012  # one provider a process

    @property
    def issuer(self) -> str:
        server = cast("HTTPServer", self.server)
        return f"http://127.0.0.1:{server.server_port}"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/.well-known/openid-configuration":
                self._json(self._discovery())
            case "/jwks":
                self._json({"keys": [KEY.as_dict(private=False)]})
            case "/authorize" if asked.get("client_id") == CLIENT:
                self._choices(asked)
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        basic = base64.b64decode(self.headers.get("Authorization", "Basic ").removeprefix("Basic ")).decode()
        asked = self.codes.pop(sent.get("code", ""), None)
        verifier = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if asked is None or basic != f"{CLIENT}:{SECRET}" or challenge != asked.get("code_challenge"):
            return self.send_error(400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": asked["email"], "email": asked["email"],
                  "nonce": asked["nonce"], "iat": now, "exp": now + 300}  # fmt: skip
        token = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, KEY)
        return self._json({"access_token": "t", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def _choices(self, asked: dict[str, str]) -> None:
        links = ""
        for email in PEOPLE:
            code = secrets.token_hex(8)
            self.codes[code] = {**asked, "email": email}
            back = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            links += f'<p><a href="{back.replace("&", "&amp;")}">{email}</a></p>'
        self._send("text/html", f"<h1>Who are you?</h1>{links}".encode())

    def _json(self, value: Any) -> None:
        self._send("application/json", json.dumps(value).encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
