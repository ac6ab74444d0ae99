"""The style sheet of our pages: light and dark, from a phone to a wide window, and on paper."""

from __future__ import annotations

from pipeline.reporting.colours import TONES

_SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif"
_MONO = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"

PAGE = f"""
:root{{color-scheme:light dark;--ink:#1f2328;--soft:#5b636d;--line:#e1e4e8;--ground:#fff;--raised:#f7f8f9;--sans:{_SANS};--mono:{_MONO}}}
@media (prefers-color-scheme:dark){{:root{{--ink:#e6e8eb;--soft:#a4abb6;--line:#2b3036;--ground:#14161a;--raised:#1b1e23}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%}}
body{{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 var(--sans)}}
main{{max-width:1120px;margin:0 auto;padding:28px 20px 64px}}
h1{{font-size:1.55rem;line-height:1.25;margin:0 0 4px;letter-spacing:-.01em}}
h2{{font-size:1.1rem;margin:40px 0 12px;letter-spacing:-.005em}}
p{{margin:0 0 12px}}
code,pre,.mono{{font-family:var(--mono);font-size:.86em}}
.soft{{color:var(--soft)}}
.wide{{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--ground)}}
.wide>svg{{display:block;margin:0 auto}}
"""


def tones() -> str:
    """`--strong` and `--pale` of elements with the class of a label."""
    light = "".join(f".is-{label}{{--strong:{TONES[label].strong};--pale:{TONES[label].pale}}}" for label in TONES)
    dark = "".join(f".is-{label}{{--strong:{TONES[label].dark_strong};--pale:{TONES[label].dark_pale}}}" for label in TONES)
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
