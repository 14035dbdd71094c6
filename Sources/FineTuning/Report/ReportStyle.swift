/// The look of `report.html`: colours are variables with a light and a dark value; series are told apart without red and green.
enum ReportStyle {
  static let css = """
    :root { color-scheme: light dark; --ground: #ffffff; --ink: #1f2933; --faint: #616e7c; --rule: #d9dee4;
      --panel: #f5f7fa; --c0: #225ea8; --c1: #d1632a; --c2: #6b7785; --c3: #2a9d8f; --c4: #8e44ad; --c5: #b8860b;
      --c6: #c2185b; --c7: #3d5a00; }
    @media (prefers-color-scheme: dark) { :root { --ground: #14181d; --ink: #e4e7eb; --faint: #9aa5b1; --rule: #323b45;
      --panel: #1d242c; --c0: #6cb2ff; --c1: #ff9f66; --c2: #9aa5b1; --c3: #57d3c4; --c4: #cf9cf0; --c5: #e9c46a;
      --c6: #ff80ab; --c7: #b5d56a; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    main { max-width: 1360px; margin: 0 auto; padding: 1rem; }
    h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
    h3, h4 { font-size: .9rem; margin: .5rem 0 .25rem; }
    .note { color: var(--faint); margin: 0 0 .5rem; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .5rem; }
    .tile { background: var(--panel); border-radius: .5rem; padding: .6rem .8rem; }
    .tile b { display: block; font-size: 1.2rem; }
    .tile span, .unit { color: var(--faint); font-size: .85rem; font-weight: 400; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
    figure { margin: 0; background: var(--panel); border-radius: .5rem; padding: .75rem; min-width: 0;
      display: flex; flex-direction: column; }
    figcaption { font-weight: 600; }
    .legend { margin: .2rem 0; font-size: .85rem; display: flex; flex-wrap: wrap; gap: .2rem .9rem; }
    .key { display: inline-block; width: 1.2rem; border-top: 3px solid; vertical-align: middle; margin-right: .35rem; }
    .key.thin { border-top-width: 1px; }
    svg { width: 100%; height: auto; display: block; margin-top: auto; }
    svg text { fill: var(--faint); font-size: 17px; }
    .grid { stroke: var(--rule); stroke-width: 1; }
    polyline { fill: none; stroke: currentColor; stroke-linejoin: round; }
    .line { stroke-width: 2; } .faint { stroke-width: 1; opacity: .75; }
    .dot { fill: currentColor; } .level { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 6 4; }
    .s0 { color: var(--c0); } .s1 { color: var(--c1); } .s2 { color: var(--c2); } .s3 { color: var(--c3); }
    .s4 { color: var(--c4); } .s5 { color: var(--c5); } .s6 { color: var(--c6); } .s7 { color: var(--c7); }
    .scroll { overflow-x: auto; }
    .figures th, .figures td { white-space: nowrap; }
    table { border-collapse: collapse; margin: .5rem 0; max-width: 100%; }
    th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--rule);
      vertical-align: top; overflow-wrap: anywhere; font-size: .9rem; }
    th { font-weight: 600; color: var(--faint); overflow-wrap: normal; }
    .wide { min-width: 6rem; } meter { width: 100%; }
    pre { background: var(--panel); border-radius: .4rem; padding: .6rem; margin: .25rem 0; white-space: pre-wrap;
      overflow-wrap: anywhere; font-size: .85rem; }
    .answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: .75rem; }
    .key.dashed { border-top-style: dashed; }
    @media (max-width: 40rem) { svg text { font-size: 19px; } }
    article { border-top: 1px solid var(--rule); padding: .5rem 0; }
    summary { cursor: pointer; color: var(--faint); padding: .3rem 0; }
    """
}
