// Draws the page's charts from its data, and shows the boot that is picked. Asks nobody for anything.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const picker = document.getElementById("boot");
  // The interpreter, because the page's policy allows no eval.
  const options = { ast: true, actions: false, renderer: "svg" };
  const told = (value, clock) =>
    value === null ? "" : clock.each === 1 ? value.toLocaleString("en") : (value / clock.each).toFixed(3);

  const draw = (id, spec) => vegaEmbed(document.getElementById(id), spec, options);

  function label(boot) {
    const [number, outcome, suspect] = boot;
    return `boot ${number}` + (outcome === "reached" ? "" : `: ${outcome}`) + (suspect.length ? " (suspect)" : "");
  }

  function fillPicker() {
    data.runs.forEach((run, r) => {
      const group = data.runs.length > 1 ? document.createElement("optgroup") : picker;
      if (group !== picker) {
        group.label = run.name;
        picker.append(group);
      }
      run.boots.forEach((boot, b) => group.append(new Option(label(boot), `${r}:${b}`)));
    });
  }

  function row(cells) {
    const line = document.createElement("tr");
    cells.forEach((text, i) => {
      const cell = document.createElement(i ? "td" : "th");
      cell.textContent = text;
      line.append(cell);
    });
    return line;
  }

  let picks = 0;
  let drawing = Promise.resolve();
  let drawn = null;

  // For whoever waits until nothing is drawn any more.
  const tell = (drawn) => (document.documentElement.dataset.drawn = drawn);

  // One chart at a time: a slow one would be put over the next.
  function showPicked() {
    if (!picker.value) return drawing;
    const [r, b] = picker.value.split(":").map(Number);
    const run = data.runs[r];
    const boot = run.boots[b];
    const clock = data.clocks[run.clock];
    const [number, outcome, suspect, message, bars, marks] = boot;
    const title = [data.runs.length > 1 ? run.name : "", `boot ${number}`, outcome, ...suspect, message];
    document.getElementById("picked-title").textContent = title.filter(Boolean).join(" · ");
    let before = 0;
    const lines = marks.map(([word, at]) => {
      const [name, by, bound] = run.words[word];
      const cells = [name, told(at, clock), told(at === null ? null : at - before, clock), by, bound];
      before = at === null ? before : at;
      return row(cells);
    });
    document.getElementById("picked-unit").textContent = clock.unit;
    const body = document.getElementById("picked-marks");
    body.replaceChildren(...lines);
    body.closest(".wide").hidden = !lines.length;
    const rows = bars.map(([word, begin, end]) => {
      const [name, kind] = run.words[word];
      return { name, kind, begin, end };
    });
    const pick = ++picks;
    tell("");
    drawing = drawing.catch(() => {}).then(async () => {
      if (pick === picks) await drawPicked(rows, clock);
      if (pick === picks) tell("yes");
    });
    return drawing;
  }

  async function drawPicked(rows, clock) {
    if (drawn) drawn.finalize();
    drawn = null;
    if (!rows.length) return document.getElementById("picked").replaceChildren();
    const most = Math.max(1, ...rows.map((bar) => bar.end)) / clock.each;
    const spec = structuredClone(clock.picked);
    spec.datasets = { bars: rows };
    spec.height = data.step * new Set(rows.map((bar) => bar.name)).size;
    spec.layer[0].encoding.x.scale.domainMax = most;
    drawn = await draw("picked", spec);
  }

  function pickPoint(event, item) {
    const { run, boot } = (item && item.datum) || {};
    if (run === undefined || boot === undefined) return;
    picker.value = `${run}:${data.runs[run].boots.findIndex(([number]) => number === boot)}`;
    showPicked();
    document.getElementById("pick").scrollIntoView();
  }

  async function drawAll() {
    for (const [id, spec] of Object.entries(data.charts)) {
      const { view } = await draw(id, spec);
      if (spec.datasets.points) view.addEventListener("click", pickPoint);
    }
    await showPicked();
    tell("yes");
  }

  // What is folded would be missing on paper.
  window.addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details")) each.open = true;
  });
  fillPicker();
  picker.addEventListener("change", showPicked);
  drawAll();
})();
