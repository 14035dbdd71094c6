/// What keeps an open page as the run is: a line that says whether it is, and a script that renews what has changed.
///
/// The script asks for `/` again and puts what differs into the page, element by element, so that nothing flickers, and what is
/// open, scrolled or selected elsewhere stays. `main` says in `data-state` whether the run goes on.
enum LiveScript {
  /// Between two looks.
  static let interval = Duration.seconds(2)

  /// For the end of `head`.
  static let style = """
    <style>
    .live { position: fixed; right: .75rem; bottom: .75rem; left: auto; max-width: min(32rem, calc(100vw - 1.5rem)); margin: 0;
      padding: .35rem .75rem; border-radius: .5rem; font-size: .85rem; color: var(--ink); background: var(--panel);
      border: 1px solid var(--rule); }
    main { padding-bottom: 4rem; }
    </style>
    """

  /// For the end of `body`.
  static func elements(nonce: String) -> String {
    """
    <p class="live" role="status">Live</p>
    <script nonce="\(nonce)">
    \(script)
    </script>
    """
  }

  private static let script = """
    (() => {
      const line = document.querySelector(".live");
      let lost = null;
      const say = text => { if (line.textContent !== text) line.textContent = text; };
      const renew = (old, now) => {
        if (old.isEqualNode(now)) return;
        const alike = old.nodeName === now.nodeName && old.nodeType === Node.ELEMENT_NODE
          && old.childNodes.length === now.childNodes.length && old.childNodes.length > 0;
        if (!alike) return old.replaceWith(now);
        for (const name of now.getAttributeNames()) {
          if (old.getAttribute(name) !== now.getAttribute(name)) old.setAttribute(name, now.getAttribute(name));
        }
        const parts = [...now.childNodes];
        [...old.childNodes].forEach((part, index) => renew(part, parts[index]));
      };
      const words = {
        running: "Live: renewed every two seconds.",
        finished: "The run is finished; this is its last state.",
        interrupted: "The run was interrupted; this is its last state.",
        failed: "The run failed; this is its last state."
      };
      const look = async () => {
        let pause = 2000;
        try {
          if (!document.hidden) {
            const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(10000) });
            if (!answer.ok) throw new Error(answer.statusText);
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            const old = document.querySelector("main"), now = page.querySelector("main");
            const open = new Set([...old.querySelectorAll("details[open] > summary")].map(s => s.textContent));
            for (const summary of now.querySelectorAll("details > summary")) {
              if (open.has(summary.textContent)) summary.parentNode.open = true;
            }
            renew(old, now);
            document.title = page.title;
            lost = null;
            say(words[document.querySelector("main").dataset.state] ?? words.running);
          }
        } catch {
          pause = 5000;
          lost ??= new Date().toLocaleTimeString();
          const state = document.querySelector("main").dataset.state;
          say(state === "running"
            ? `No answer since ${lost}: the run has ended, or its program was stopped. This is what it last showed; trying again.`
            : words[state] + " Its page is closed; report.html in its folder stays.");
        }
        setTimeout(look, pause);
      };
      setTimeout(look, 2000);
    })();
    """
}
