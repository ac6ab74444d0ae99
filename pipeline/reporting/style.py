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
h1{{overflow-wrap:anywhere;font-size:1.55rem;line-height:1.25;margin:0 0 4px;letter-spacing:-.01em}}
h2{{font-size:1.1rem;margin:40px 0 12px;letter-spacing:-.005em}}
p{{margin:0 0 12px}}
code,pre,.mono{{font-family:var(--mono);font-size:.86em}}
.soft{{color:var(--soft)}}
.wide{{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--ground)}}
.wide>svg{{display:block;margin:0 auto}}
"""


REPORT = """
header .soft{margin:0}
h1 .light{display:inline-block;width:.62em;height:.62em;border-radius:50%;background:var(--strong);margin-right:.45em;vertical-align:.06em}
h3{font:600 .95rem/1.4 var(--mono);margin:0 0 8px;overflow-wrap:anywhere}
.reason{margin:10px 0 0;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:20px 0 18px}
.tile{border:1px solid var(--line);border-radius:10px;padding:10px 16px 9px;min-width:92px;background:var(--pale,var(--raised))}
.tile b{display:block;font-size:1.35rem;line-height:1.25;font-weight:600;color:var(--strong,var(--ink));font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.84rem}
nav{display:flex;flex-wrap:wrap;gap:4px 20px;border-block:1px solid var(--line);padding:9px 0;font-size:.9rem}
nav a{color:var(--ink);text-decoration:none}
nav a:hover{text-decoration:underline}
.failure{border:1px solid var(--line);border-left:4px solid var(--strong);border-radius:8px;padding:14px 16px;margin:0 0 12px;background:var(--pale)}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;max-height:28em;overflow:auto;line-height:1.45}
.failure p{margin:8px 0 0}
.failure details{margin-top:10px}
.failure summary{cursor:pointer;color:var(--soft);font-size:.9rem}
.failure details pre{margin-top:8px;padding:10px 12px;background:var(--ground);border:1px solid var(--line);border-radius:6px}
.timeline{border:1px solid var(--line);border-radius:10px;padding:14px 18px 8px 12px}
.lane{display:flex;gap:10px;height:26px;align-items:center}
.lane-name{flex:none;width:2.2em;text-align:right;color:var(--soft);font-size:.8rem;font-variant-numeric:tabular-nums}
.lane-bars,.lane-axis{position:relative;flex:1;height:100%;min-width:0}
.lane-bars{border-bottom:1px solid var(--line)}
.bar{position:absolute;top:3px;bottom:3px;border-radius:3px;background:var(--strong);overflow:hidden;display:flex;flex-wrap:wrap;min-width:2px}
.bar{box-shadow:inset -1px 0 var(--ground)}
.bar::before{content:"";width:1px;height:20px}
.bar b{font:500 12px/20px var(--sans);color:var(--ground);padding:0 6px;white-space:nowrap}
.many .lane{height:9px}
.many .lane-name{font-size:0}
.many .bar{top:1px;bottom:1px;border-radius:2px}
.many .bar b{display:none}
.lane.axis{height:24px;align-items:flex-start}
.lane-axis span{position:absolute;top:0;border-left:1px solid var(--line);height:6px}
.lane-axis i{position:absolute;top:6px;transform:translateX(-50%);font-style:normal;font-size:.75rem;color:var(--soft);white-space:nowrap;
font-variant-numeric:tabular-nums}
.lane-axis span:first-child i{transform:none;left:-1px}
.lane-axis .last i{transform:none;left:auto;right:0}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th{font-weight:500;color:var(--soft);font-size:.8rem;text-align:left;background:var(--raised);white-space:nowrap}
th,td{padding:7px 12px;border-bottom:1px solid var(--line);vertical-align:baseline}
tr:last-child td{border-bottom:0}
td code{white-space:pre-wrap;overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.name b{font-weight:600}
.pill{display:inline-block;padding:0 9px;border-radius:9px;font-size:.8rem;line-height:1.5;color:var(--strong);background:var(--pale);
box-shadow:inset 0 0 0 1px color-mix(in srgb,var(--strong) 35%,transparent)}
.rule{font-family:var(--mono);font-size:.78rem;color:var(--strong);letter-spacing:.01em}
.why{min-width:19em;overflow-wrap:anywhere}
.chip{display:inline-block;margin-right:10px;max-width:100%;overflow-wrap:anywhere}
.chip i{font-style:normal;color:var(--soft);font-size:.94em}
.change{font-weight:600}
.slower{color:var(--slower)}
.faster{color:var(--faster)}
.family{border:1px solid var(--line);border-radius:10px;margin:0 0 10px;overflow:hidden}
.family>summary{display:flex;flex-wrap:wrap;gap:2px 16px;align-items:baseline;padding:11px 16px 12px;cursor:pointer;position:relative;list-style:none}
.family>summary::-webkit-details-marker{display:none}
.family>summary::before{content:"";width:6px;height:6px;border:solid var(--soft);border-width:0 1.5px 1.5px 0;
transform:rotate(-45deg) translate(-1px,-1px)}
.family[open]>summary::before{transform:rotate(45deg) translate(-2px,-1px)}
.family>summary .name{font-weight:600;overflow-wrap:anywhere}
.counts>span{margin-right:12px;white-space:nowrap;font-size:.88rem}
.dot{display:inline-block;width:8px;height:8px;border-radius:50%;background:var(--strong);margin-right:6px}
.took{margin-left:auto;font-size:.86rem;font-variant-numeric:tabular-nums}
.shares{position:absolute;left:0;right:0;bottom:0;height:3px;display:flex}
.shares i{background:var(--strong);min-width:6px}
.family>.params{margin:0;padding:8px 16px;border-top:1px solid var(--line)}
.family>p.soft{margin:0;padding:10px 16px}
.family .wide{border-width:1px 0 0;border-radius:0;max-height:33em;overflow:auto}
.family thead th{position:sticky;top:0;z-index:1}
.family .why{min-width:0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 20px;margin:0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
:root{--slower:#a86a12;--faster:#2f7d5b}
@media (prefers-color-scheme:dark){:root{--slower:#e2b25c;--faster:#6fc59d}}
@media (max-width:700px){
main{padding:20px 14px 48px}
h1{font-size:1.35rem}
.tile{flex:1 1 28%;padding:8px 12px 7px}
dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:10px}
.stacked thead{display:none}
.stacked,.stacked tbody{display:block}
.stacked tr{display:flex;flex-wrap:wrap;gap:3px 12px;align-items:baseline;padding:10px 12px;border-bottom:1px solid var(--line)}
.stacked tr:last-child{border-bottom:0}
.stacked td{padding:0;border:0}
.stacked td:empty{display:none}
.stacked .why,.stacked .params{flex:1 0 100%;min-width:0}
.took{margin-left:22px}
.lane-axis span:nth-child(even) i{display:none}
}
@media print{.family .wide{max-height:none}main{max-width:none;padding:0}.wide{overflow:visible}pre{max-height:none}nav{display:none}}
"""


def tone_class(label: str) -> str:
    """The class of an element in the colour of a label; grey for one that is not known."""
    return f"is-{label}" if label in TONES else "is-unneeded"


def tones() -> str:
    """`--strong` and `--pale` of elements with the class of a label."""
    light = "".join(f".is-{label}{{--strong:{TONES[label].strong};--pale:{TONES[label].pale}}}" for label in TONES)
    dark = "".join(f".is-{label}{{--strong:{TONES[label].dark_strong};--pale:{TONES[label].dark_pale}}}" for label in TONES)
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
