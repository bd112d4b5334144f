"""The gallery's one style sheet: light and dark, wide and narrow."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2127;--soft:#5b6570;--page:#f5f6f8;--card:#fff;--line:#dde2e7;--link:#0b5cad;
--for:#0067a3;--for-fill:#e0f0fa;--against:#a94600;--against-fill:#fdeadd;--open:#5b6570;--open-fill:#eceff2;
--real:#00694c;--simulated:#8a4a75}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--soft:#a1abb5;--page:#101316;--card:#191d22;--line:#313840;
--link:#82bfff;--for:#73c3f5;--for-fill:#12334a;--against:#ff9f5c;--against-fill:#452711;--open:#b3bcc5;
--open-fill:#2a3037;--real:#4fcea6;--simulated:#e2a3cd}}
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}h1{margin:0;font-size:2rem;letter-spacing:-.02em;line-height:1.15}
header>p{margin:.4rem 0 1.2rem;color:var(--soft);max-width:60rem}
h2{margin:0;font-size:1.3rem;letter-spacing:-.01em;line-height:1.25;scroll-margin-top:1rem}
h3{margin:0;font-size:1rem;font-weight:600;line-height:1.35}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:1}
nav ul,.forest,.claims,.notes{list-style:none;margin:0;padding:0}
nav li{display:flex;flex-wrap:wrap;gap:.1rem .6rem;align-items:baseline;padding:.35rem 0;
border-top:1px solid var(--line)}nav li:last-child{border-bottom:1px solid var(--line)}nav .quiet{margin:0}
nav a{margin-right:auto;font-weight:600;text-decoration:none}nav a:hover{text-decoration:underline}
summary{cursor:pointer;color:var(--soft);font-size:.9rem;width:fit-content}.legend{margin:.9rem 0 0}
.legend p{max-width:52rem;margin:.4rem 0 0;font-size:.9rem;color:var(--soft)}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.5rem;margin:1.5rem 0}
.paper,.quiet{color:var(--soft);font-size:.875rem}.paper{margin:.2rem 0 1.1rem}.paper a{color:inherit}
.quiet{margin:.1rem 0 .5rem}.waiting{border-style:dashed;background:none}.waiting .paper{margin-bottom:.5rem}
.claims li,.notes li{padding-left:1rem;position:relative}.claims li:before,.notes li:before{content:"–";
position:absolute;left:0}
.notes{margin-top:.9rem;font-size:.875rem;color:var(--soft)}
.result{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,6fr);gap:1.75rem;align-items:start}
.result>:only-child{grid-column:1/-1}
figure{margin:0;position:sticky;top:1rem}
img{display:block;width:100%;height:auto;background:#fff;border:1px solid var(--line);border-radius:8px;
padding:.4rem}
figcaption{color:var(--soft);font-size:.8125rem;margin-top:.35rem}
.claim+.claim{margin-top:1.4rem}
.forest li{display:grid;grid-template-columns:minmax(6rem,1fr) minmax(7rem,12rem) minmax(0,1.6fr);gap:.1rem .9rem;
align-items:center;padding:.4rem 0;border-top:1px solid var(--line)}
.where{font-weight:600;font-size:.9rem}.where .quiet{display:block;margin:0;font-weight:400;font-size:.8125rem}
.said{display:flex;flex-direction:column;align-items:flex-start;gap:.1rem}.said .quiet{margin:0;font-size:.75rem}
.numbers{font-size:.8125rem;font-variant-numeric:tabular-nums;color:var(--soft)}
.pill{display:inline-block;white-space:nowrap;border-radius:99px;padding:0 .6rem;font-size:.8125rem;font-weight:600;
line-height:1.55}
.pill.supported{color:var(--for);background:var(--for-fill)}
.pill.contradicted{color:var(--against);background:var(--against-fill)}
.pill.inconclusive{color:var(--open);background:var(--open-fill)}
.badge{display:inline-block;border:1px solid currentColor;border-radius:4px;padding:0 .3rem;font-size:.6875rem;
line-height:1.45;font-weight:600;vertical-align:.1em}.badge.real{color:var(--real)}.badge.simulated{color:var(--simulated)}
svg.interval{width:100%;max-width:15rem;height:auto;overflow:visible}
.interval line{stroke:var(--soft);stroke-width:1}.interval .rest{stroke:var(--line)}
.interval .nought{stroke:var(--ink)}
.interval .margin{stroke-dasharray:3 3}.interval .whisker{stroke-width:2;stroke:var(--mark)}
.interval .dot{fill:var(--mark);stroke:var(--mark);stroke-width:2}.interval .open{fill:var(--card)}
.interval.supported{--mark:var(--for)}.interval.contradicted{--mark:var(--against)}
.interval.inconclusive{--mark:var(--open)}
.runs{width:100%;border-collapse:collapse;margin-top:1.4rem;font-size:.8125rem}
.runs th,.runs td{text-align:left;padding:.35rem .9rem .35rem 0;border-top:1px solid var(--line);vertical-align:top;
font-variant-numeric:tabular-nums}.runs thead th{border:0;color:var(--soft);font-weight:400}
.runs .short,.runs time,.runs thead th{white-space:nowrap}
.runs td .quiet{display:block;margin:0;font-size:.75rem}.runs a{white-space:nowrap;margin-right:.6rem}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
footer{padding-bottom:3rem;color:var(--soft);font-size:.875rem}footer p{margin:.2rem 0}
@media(max-width:60rem){.result{grid-template-columns:minmax(0,1fr)}figure{max-width:44rem;
position:static}}
@media(max-width:42rem){header,main,footer{padding-left:.8rem;padding-right:.8rem}header{padding-top:1.5rem}
article{padding:1rem;margin:1rem 0}.forest li{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}.said{grid-column:1/-1;
flex-direction:row;flex-wrap:wrap;gap:.3rem .6rem}
.runs thead{position:absolute;clip-path:inset(50%)}.runs,.runs tbody,.runs tr,.runs th,.runs td{
display:block;width:auto}
.runs tr{border-top:1px solid var(--line);padding:.5rem 0}.runs tbody th,.runs td{border:0;padding:.05rem 0}
.runs td:before{content:attr(data-is) ": ";color:var(--soft)}.runs td .quiet{display:inline}}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{body{background:none}article{break-inside:avoid;border-color:#999}}
"""
