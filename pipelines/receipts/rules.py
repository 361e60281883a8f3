"""Company, date, address and total of a receipt by rules over its lines; only the way that receipts look is known."""

import re
from typing import Any

Line = dict[str, Any]
MONTH = r"(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*"
YEAR = r"(?:20\d{2}|\d{2}(?!\d))"  # the time may stand right behind four digits
DATES = (
    re.compile(rf"(?<!\d)(\d{{1,2}})\s?([-/.])\s?(\d{{1,2}})\s?\2\s?{YEAR}"),
    re.compile(r"(?<!\d)20\d{2}[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"),
    re.compile(rf"(?<!\d)(\d{{1,2}})[-/ ]?{MONTH}[-/ ,]*{YEAR}", re.IGNORECASE),
    re.compile(r"(\d{2})/(\d{2})/20\d{2}"),
    re.compile(r"(?<!\d)(\d{2})(\d{2})20[12]\d(?!\d)"),
)
"""Tried one after the other over all lines; groups are day and month, or month and day."""
AMOUNT = re.compile(r"(?<![\d.])\d{1,3}(?:,?\d{3})*\s?\.\s?\d{2}(?!\d)")
COMPANY = re.compile(
    r"\b(SDN|BHD|S/B|ENTERPRISE|TRADING|RESTAURANT|RESTORAN|STORES?|MARKET|HARDWARE|BAKERY|CAFE)\b", re.I
)
ADDRESS_ENDS = re.compile(
    r"\b(TEL|FAX|PHONE|GST|INVOICE|RECEIPT|CASHIER|DATE|BILL|TAX|EMAIL|WWW|HTTP|H/P|TABLE|DOCUMENT|REG)\b|TAX\s?INVOICE",
    re.I,
)
REGISTRATION = re.compile(r"\(?\b(CO\.?\s*(REG)?\.?\s*(NO)?|ROC|REG\b|GST|\d{5,7}\s?-\s?[A-Z])", re.I)
PLACE = re.compile(
    r"\b(NO\.?|LOT|JALAN|JLN|TAMAN|TMN|\d{5}|SELANGOR|JOHOR|KUALA|PENANG|PERAK|BANDAR|LEVEL|UNIT)\b", re.I
)
NUMBER_OF_COMPANY = re.compile(r"\bCO(MPANY)?\.?\s*(REG\w*\.?)?\s*(NO|NUMBER)\b", re.I)
PART = re.compile(r"SUB|DISC|CHANGE|CASH\b|QTY|QUANTITY|ITEM|EXC|TAXABLE|SAVING|POINT|TENDER", re.I)
OF_TAX = re.compile(r"GST|TAX\b", re.I)
SUMMARY = re.compile(r"(GST|TAX)\s?SUMM", re.I)


def extract(lines: list[Line]) -> dict[str, str | None]:
    """The four fields; None for one that no rule finds."""
    rows = _rows(lines)
    texts = [" ".join(piece["text"].strip() for piece in row) for row in rows]
    top = _top(texts)
    company = _company(top)
    return {
        "company": company,
        "date": _date(texts),
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
    # A number in brackets ends the name; a place or a letter in brackets is part of it.
    return None if chosen is None else re.sub(r"\s*\([^)]*\d{4}.*$", "", chosen).strip() or chosen


def _date(texts: list[str]) -> str | None:
    """The first date that there is, in the first way of writing that any line has."""
    for pattern in DATES:
        for text in texts:
            for match in pattern.finditer(text):
                small, large = sorted(int(part) for part in [*match.groups(), "1"] if part.isdigit())[-2:]
                if 1 <= small <= 12 and large <= 31:
                    return match[0].replace(" ", "")
    return None


def _address(top: list[str], company: str | None) -> str | None:
    """From the first line that looks like a place to the line before telephone and numbers."""
    parts: list[str] = []
    for text in top:
        if company and text.startswith(company):
            continue
        if parts and ADDRESS_ENDS.search(text):
            break
        if NUMBER_OF_COMPANY.search(text) or (REGISTRATION.search(text) and not PLACE.search(text)):
            continue
        if parts or PLACE.search(text):
            parts.append(text)
        if len(parts) == 5:
            break
    return " ".join(parts) or None


def _total(texts: list[str]) -> str | None:
    """The largest amount in lines that say total, or in those after them, and that are no part of it nor of the tax."""
    texts = texts[: next((place for place, text in enumerate(texts) if SUMMARY.search(text)), None)]
    totals: list[str] = []
    for place, text in enumerate(texts):
        is_tax = OF_TAX.search(text) and "INC" not in text.upper()
        if "TOTAL" in text.upper() and not PART.search(text) and not is_tax:
            amounts = AMOUNT.findall(text) or (AMOUNT.findall(texts[place + 1]) if place + 1 < len(texts) else [])
            totals += amounts[-1:]
    if not totals:
        totals = [a for text in texts if "TOTAL" in text.upper() for a in AMOUNT.findall(text)[-1:]]
    return max((amount.replace(" ", "") for amount in totals), key=lambda a: float(a.replace(",", "")), default=None)
