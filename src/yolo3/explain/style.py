"""The style of the page: wide and narrow, light and dark."""

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --quiet: #52606d; --ground: #ffffff; --card: #f5f7fa;
  --line: #d3dae3; --accent: #0b63a5; --good: #0b6b53; --bad: #a3340f; --badge: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --quiet: #a9b4c0; --ground: #14181d; --card: #1e242b;
  --line: #3a444f; --accent: #6cb6f0; --good: #4fc7a4; --bad: #ff9a6c; --badge: #14181d; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "Noto Sans", "DejaVu Sans", sans-serif; color: var(--ink); background: var(--ground);
  max-width: 78rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.45rem; line-height: 1.25; overflow-wrap: anywhere; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; max-width: 60rem; }
figure { margin: 0; min-width: 0; }
figure svg { display: block; width: 100%; max-height: 34rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .35rem; }
figcaption { color: var(--quiet); font-size: .85rem; margin-top: .25rem; overflow-wrap: anywhere; }
.beside { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 1.2rem; align-items: start; }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr)); gap: 1rem;
  margin: .6rem 0 1rem; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .2rem .9rem .2rem 0; text-align: left; white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; border-bottom: 1px solid var(--line); }
td { border-bottom: 1px solid color-mix(in srgb, var(--line) 45%, transparent); }
details { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .9rem;
  margin: .6rem 0; }
summary { cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }
details[open] summary { margin-bottom: .6rem; }
.badge { display: inline-block; border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; font-weight: 600;
  color: var(--badge); }
.badge.good { background: var(--good); } .badge.bad { background: var(--bad); }
.dot { display: inline-block; width: .75em; height: .75em; border-radius: 50%; margin-right: .4em; }
.key { display: inline-block; width: 6rem; height: .8em; border-radius: .2rem; vertical-align: -.05em; }
.bars { display: grid; grid-template-columns: max-content minmax(4rem, 18rem) max-content; gap: .3rem .8rem;
  align-items: center; margin: .6rem 0; }
.bar { position: relative; height: .8rem; background: var(--line); border-radius: .2rem; }
.bar b { position: absolute; inset: 0 auto 0 0; background: var(--accent); border-radius: .2rem; }
.bar i { position: absolute; top: -.2rem; bottom: -.2rem; width: 2px; background: var(--bad); }
svg .letterbox { fill: none; stroke: #ffffff; stroke-width: 1.5; stroke-dasharray: 5 4; }
svg .grid { fill: none; stroke: #ffffff; stroke-opacity: .55; stroke-width: .7; }
svg .box { fill: none; stroke-width: 2.5; }
svg .truth { fill: none; stroke: #ffffff; stroke-width: 2.5; stroke-dasharray: 1 4; stroke-linecap: round; }
svg .anchor { fill: none; stroke-width: 1.5; stroke-dasharray: 6 4; }
svg .cell { fill-opacity: .55; stroke-width: 1; }
svg .dropped { fill: none; stroke: #ffffff; stroke-width: 1.2; stroke-dasharray: 2 3; }
svg .box, svg .truth, svg .anchor, svg .dropped, svg .letterbox { vector-effect: non-scaling-stroke; }
svg .truth, svg .dropped, svg .letterbox, svg .anchor, svg .box {
  filter: drop-shadow(0 0 1px #000000) drop-shadow(0 0 1px #000000); }
svg .dark { filter: drop-shadow(0 0 1px #ffffff) drop-shadow(0 0 1px #ffffff); }
svg .grey { filter: grayscale(1); }
svg .cells { image-rendering: pixelated; }
svg .tag text { font: 600 11px system-ui, "DejaVu Sans", sans-serif; }
@media (max-width: 44rem) { .beside { grid-template-columns: minmax(0, 1fr); }
  table { font-size: .85rem; } th, td { padding-right: .5rem; white-space: normal; } }
@media print { details { break-inside: avoid; } }
"""
