"""The gallery's one style sheet: light and dark, wide and narrow."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2127;--soft:#5b6570;--page:#f5f6f8;--card:#fff;--line:#dde2e7;--link:#0b5cad;
--for:#0067a3;--for-fill:#e0f0fa;--against:#a94600;--against-fill:#fdeadd;--open:#5b6570;--open-fill:#eceff2;
--real:#00694c;--simulated:#8a4a75;--zone:#eceff2}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--soft:#a1abb5;--page:#101316;--card:#191d22;--line:#313840;
--link:#82bfff;--for:#73c3f5;--for-fill:#12334a;--against:#ff9f5c;--against-fill:#452711;--open:#b3bcc5;
--open-fill:#2a3037;--real:#4fcea6;--simulated:#e2a3cd;--zone:#252b32}}
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}h1{margin:0;font-size:2rem;letter-spacing:-.02em;line-height:1.15}
header>p{margin:.4rem 0 .6rem;color:var(--soft);max-width:60rem}.tally{display:flex;flex-wrap:wrap;gap:.2rem .5rem}
h2{margin:2.2rem 0 .6rem;font-size:1.35rem;letter-spacing:-.01em;line-height:1.25}
h3{margin:0;font-size:1rem;font-weight:600;line-height:1.35}#claims>h3{margin:1.6rem 0 .4rem;font-size:1.1rem}
section,article,tbody{scroll-margin-top:1rem}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px;
border-radius:3px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;
z-index:1}
.forest,.claims,.notes,.verdicts{list-style:none;margin:0;padding:0}
summary{cursor:pointer;color:var(--soft);font-size:.9rem;width:fit-content}.legend p{max-width:52rem;margin:.4rem 0 0;
font-size:.9rem;color:var(--soft)}article details{margin-top:.6rem}.legend{margin-bottom:1rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1.1rem}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.25rem;min-width:0}
#runs article{margin:1rem 0}#claims>.claim{background:var(--card);border:1px solid var(--line);border-radius:12px;
padding:1.1rem 1.25rem;margin:.8rem 0}
.cards img{margin:.2rem 0}.cards h3 a{text-decoration:none}.cards h3 a:hover{text-decoration:underline}
.paper,.quiet{color:var(--soft);font-size:.8125rem}.paper{margin:.2rem 0 .7rem}.paper a{color:inherit}
header .paper{font-size:.95rem}.quiet{margin:.1rem 0 .5rem;font-weight:400}.back{margin:0 0 .4rem}
.waiting{border-style:dashed;background:none}.on{margin:.5rem 0 .3rem;font-size:.875rem;font-weight:600}
.claims li,.notes li{padding-left:1rem;position:relative;font-size:.9rem}.claims li:before,.notes li:before{
content:"–";
position:absolute;left:0}
.verdicts li{padding:.25rem 0;font-size:.875rem}.notes{margin-top:.7rem}.notes li{font-size:.8125rem;
color:var(--soft)}
.files{display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.2rem 0 .8rem;font-size:.875rem}
.result{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,6fr);gap:1.5rem;align-items:start}
.result>:only-child{grid-column:1/-1}
figure{margin:0}
img{display:block;width:100%;height:auto;background:#fff;border:1px solid var(--line);border-radius:8px;padding:.4rem}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.8125rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;border-top:1px solid var(--line)}
th{font-weight:600}tr:first-child>th,tr:first-child>td{border-top:0}td .quiet{display:block;margin:0;font-size:.75rem}
thead th{color:var(--soft);font-weight:400;border:0}tbody+tbody tr:first-child>*{border-top:1px solid var(--line)}
.result .verdicts li{padding:0 0 .7rem}
.facts th{font-weight:400;color:var(--soft);white-space:nowrap}.facts td{min-width:10rem}
.changes td,.changes th{min-width:4rem;max-width:20rem}
.sides td{min-width:9rem;max-width:18rem}.sides tbody th{min-width:9rem;max-width:15rem;font-weight:400;
padding-left:.2rem}
.sides tbody th,.sides thead th:first-child{position:sticky;left:0;background:var(--page)}
.overview{width:100%;table-layout:fixed;background:var(--card);border:1px solid var(--line);border-radius:12px;
border-collapse:separate;
border-spacing:0;padding:.3rem 1.25rem 1rem}
.overview th,.overview td{vertical-align:middle;padding:.2rem .9rem .2rem 0;border:0}
.overview thead th{vertical-align:bottom;padding-top:.6rem}.overview thead .plot span{display:block;
font-size:.6875rem;
text-align:center}.overview .plot{width:18.5rem}.overview thead th:nth-child(3){width:13.5rem}
.overview thead th:nth-child(4){width:8rem}.overview .plot .quiet{margin:0;font-size:.75rem;text-align:center;
display:block}
.overview .study th{padding-top:1.1rem;font-size:1rem}.overview .study a{text-decoration:none}
.overview .study a:hover{text-decoration:underline}
.overview .statement th{padding-top:.55rem;font-size:.875rem;font-weight:400;line-height:1.4}
.overview .statement .quiet{display:block;font-size:.75rem;margin:0}
.overview .where{padding-left:1rem}.overview .plot svg{max-width:none}
.claim+.claim{margin-top:1rem}
.forest li{display:grid;grid-template-columns:minmax(6rem,1fr) minmax(7rem,14rem) minmax(0,1.6fr);gap:.1rem .9rem;
align-items:center;padding:.4rem 0;border-top:1px solid var(--line)}
.where{font-weight:600;font-size:.875rem}.where .quiet{display:block;margin:0;font-size:.75rem}
.said{display:flex;flex-direction:column;align-items:flex-start;gap:.1rem}.said .quiet{margin:0;font-size:.75rem}
.numbers{font-size:.8125rem;font-variant-numeric:tabular-nums;color:var(--soft)}
.pill{display:inline-block;white-space:nowrap;border-radius:99px;padding:0 .6rem;font-size:.8125rem;font-weight:600;
line-height:1.55}
.pill.supported{color:var(--for);background:var(--for-fill)}
.pill.contradicted{color:var(--against);background:var(--against-fill)}
.pill.inconclusive{color:var(--open);background:var(--open-fill)}
.badge{display:inline-block;border:1px solid currentColor;border-radius:4px;padding:0 .3rem;font-size:.6875rem;
line-height:1.45;font-weight:600;vertical-align:.1em}.badge.real{color:var(--real)}.badge.simulated{
color:var(--simulated)}
svg{display:block}svg.interval,svg.axis{width:100%;max-width:17.5rem;height:auto;overflow:visible}
.interval line,.axis line{stroke:var(--soft);stroke-width:1}.interval .rest{stroke:var(--line)}
.axis text{font-size:10px;text-anchor:middle;fill:var(--soft)}.interval .zone{fill:var(--zone)}
.interval .nought{stroke:var(--ink)}.interval .margin{stroke-dasharray:3 3}
.interval .whisker{stroke-width:2;stroke:var(--mark)}
.interval .dot{fill:var(--mark);stroke:var(--mark);stroke-width:2}.interval .open{fill:var(--card)}
.interval.supported{--mark:var(--for)}.interval.contradicted{--mark:var(--against)}
.interval.inconclusive{--mark:var(--open)}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
footer{padding-top:1.5rem;padding-bottom:3rem;color:var(--soft);font-size:.875rem}footer p{margin:.2rem 0}
@media(max-width:60rem){.overview .plot{width:13rem}.overview thead th:nth-child(3){width:10rem}.result{
grid-template-columns:minmax(0,1fr)}figure{max-width:44rem}}
@media(max-width:42rem){header,main,footer{padding-left:.8rem;padding-right:.8rem}header{padding-top:1.5rem}
article{padding:1rem}.forest li{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}.where{grid-column:1/-1}
.overview{padding:.2rem .8rem .8rem;display:block}.sides tbody th{min-width:7.5rem;max-width:7.5rem}
.overview thead th:not(.plot){display:none}
.overview thead,.overview tbody,.overview thead tr,.overview th,.overview .plot{display:block;width:auto}
.overview tr{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.1rem .6rem;padding:.3rem 0}
.overview tr>.plot,.overview tr>.where,.overview .study th,.overview .statement th{grid-column:1/-1}
.overview th,.overview td{padding:0}.overview .study th{padding-top:.8rem}.overview .where{padding:.3rem 0 0}}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{body{background:none}article{break-inside:avoid;border-color:#999}}
"""
