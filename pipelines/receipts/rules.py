"""Company, date, address and total of a receipt by rules over its lines; only the way that receipts look is known."""

import re
from typing import Any

Line = dict[str, Any]
DATE = re.compile(
    r"\b(\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?(?:\d{4}|\d{2})|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"
    r"|\d{1,2}[-/ ]?(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*[-/ ,]*(?:\d{4}|\d{2}))(?!\d)",
    re.IGNORECASE,
)
AMOUNT = re.compile(r"(?<![\d.])\d{1,3}(?:,?\d{3})*\s?\.\s?\d{2}(?!\d)")
COMPANY = re.compile(
    r"\b(SDN|BHD|S/B|ENTERPRISE|TRADING|RESTAURANT|RESTORAN|STORES?|MARKET|HARDWARE|BAKERY|CAFE)\b", re.I
)
ADDRESS_ENDS = re.compile(
    r"\b(TEL|FAX|PHONE|GST|INVOICE|RECEIPT|CASHIER|DATE|BILL|TAX|EMAIL|WWW|HTTP|H/P|TABLE)\b", re.I
)
REGISTRATION = re.compile(r"\(?\b(CO\.?\s*(REG)?\.?\s*(NO)?|ROC|REG\b|GST|\d{5,7}\s?-\s?[A-Z])", re.I)
PLACE = re.compile(
    r"\b(NO\.?|LOT|JALAN|JLN|TAMAN|TMN|\d{5}|SELANGOR|JOHOR|KUALA|PENANG|PERAK|BANDAR|LEVEL|UNIT)\b", re.I
)
LATER = re.compile(r"SUB|DISC|CHANGE|CASH\b|QTY|ITEM|EXCL|TAXABLE|SAVING|GST|TAX\b|POINT", re.I)


def extract(lines: list[Line]) -> dict[str, str | None]:
    """The four fields; None for one that no rule finds."""
    rows = _rows(lines)
    texts = [" ".join(piece["text"].strip() for piece in row) for row in rows]
    top = _top(texts)
    company = _company(top)
    return {
        "company": company,
        "date": next((match[0].replace(" ", "") for text in texts if (match := DATE.search(text))), None),
        "address": _address(top, company),
        "total": _total(texts),
    }


def _rows(lines: list[Line]) -> list[list[Line]]:
    """Lines side by side put together, from left to right; rows from above."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line["y"] + line["h"] / 2):
        middle = line["y"] + line["h"] / 2
        last = rows[-1] if rows else []
        if last and abs(middle - sum(p["y"] + p["h"] / 2 for p in last) / len(last)) < 0.5 * min(
            line["h"], last[0]["h"]
        ):
            last.append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line["x"]) for row in rows]


def _top(texts: list[str]) -> list[str]:
    """What stands above the items: the first lines that hold more than signs and digits."""
    return [text for text in texts[:14] if sum(sign.isalpha() for sign in text) >= 3]


def _company(top: list[str]) -> str | None:
    named = [text for text in top[:5] if COMPANY.search(text)]
    chosen = (named or top[:1] or [None])[0]
    return None if chosen is None else re.sub(r"\s*\(.*$", "", chosen).strip() or chosen


def _address(top: list[str], company: str | None) -> str | None:
    """From the first line that looks like a place to the line before telephone and numbers."""
    parts: list[str] = []
    for text in top:
        if company and text.startswith(company):
            continue
        if parts and ADDRESS_ENDS.search(text):
            break
        if REGISTRATION.search(text) and not PLACE.search(text):
            continue
        if parts or PLACE.search(text):
            parts.append(text)
        if len(parts) == 5:
            break
    return " ".join(parts) or None


def _total(texts: list[str]) -> str | None:
    """The amount in the line that says total, or in the one after it; the last such line that is no part of it."""
    totals: list[str] = []
    for place, text in enumerate(texts):
        if "TOTAL" in text.upper() and not LATER.search(text):
            amounts = AMOUNT.findall(text) or (AMOUNT.findall(texts[place + 1]) if place + 1 < len(texts) else [])
            totals += amounts[-1:]
    if not totals:
        totals = [a for text in texts if "TOTAL" in text.upper() for a in AMOUNT.findall(text)[-1:]]
    return max((amount.replace(" ", "") for amount in totals), key=lambda a: float(a.replace(",", "")), default=None)
