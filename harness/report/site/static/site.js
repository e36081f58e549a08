// Draws the charts of a page from the numbers it holds, and lets tables be sorted and filtered. Needs no network.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

// Colours that are hard to see on a dark page, and what stands for them there.
const LIGHTER = {
  "#0072B2": "#6F93FF", "#332288": "#C7B8FF", "#8C6D1F": "#D0AE55", "#7A3E9D": "#C48BE6",
  "#3B3B3B": "#D6D6D6", "#6A6A6A": "#BDBDBD", "#949494": "#A8A8A8", "#B5B5B5": "#949494",
};

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function chartOf(place) {
  let text = place.querySelector("script").textContent;
  if (dark.matches) {
    for (const [from, to] of Object.entries(LIGHTER)) text = text.replaceAll(from, to);
  }
  return JSON.parse(text);
}

function axisFor(axis, given) {
  const title = given && given.title && { title: { ...given.title, font: { size: 13 }, standoff: 8 } };
  return { ...axis, ...given, ...title };
}

function layoutFor(chart, width) {
  const axis = { gridcolor: colour("--grid"), linecolor: colour("--line"), zeroline: false, automargin: true };
  const narrow = width < 700;
  const legend = narrow
    ? { orientation: "h", y: -0.25, yanchor: "top", x: 0 }
    : { x: 1.02, y: 1, groupclick: "toggleitem" };
  const rows = narrow && chart.layout.showlegend !== false ? Math.min(linesOf(chart) * 18, 600) : 0;
  return {
    ...chart.layout,
    height: (chart.layout.height || 420) + rows,
    xaxis: axisFor(axis, chart.layout.xaxis),
    yaxis: axisFor(axis, chart.layout.yaxis),
    legend: { ...legend, font: { size: 12 }, traceorder: chart.layout.barmode ? "normal" : "grouped" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--ink"), family: getComputedStyle(document.body).fontFamily, size: 13 },
    hoverlabel: { bgcolor: colour("--page"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
    margin: { l: 60, r: 20, t: 20, b: 60 },
  };
}

function linesOf(chart) {
  return chart.data.filter((one) => one.showlegend !== false).reduce((sum, one) => sum + (one.name || "").split("<br>").length, 2);
}

async function draw(place) {
  const chart = chartOf(place);
  const target = place.querySelector(".plot");
  const options = { responsive: true, displaylogo: false, displayModeBar: "hover", modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  await Plotly.react(target, chart.data, layoutFor(chart, place.clientWidth), options);
  place.dataset.drawn = "yes";
}

function drawAll() {
  const places = [...document.querySelectorAll(".chart")];
  if (typeof Plotly === "undefined") {
    for (const place of places) place.querySelector(".plot").textContent = "The chart needs static/plotly.min.js beside this page.";
    return;
  }
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
    }
  }, { rootMargin: "600px" });
  for (const place of places) seen.observe(place);
  dark.addEventListener("change", () => places.filter((place) => place.dataset.drawn).forEach(draw));
}

function sortBy(table, index, button) {
  const head = button.closest("th");
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = table.tBodies[0];
  const key = (row) => row.cells[index].dataset.value ?? row.cells[index].textContent;
  const number = (text) => (text.trim() === "" ? NaN : Number(text.replaceAll(",", "")));
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const [m, n] = [number(x), number(y)];
    const order = Number.isNaN(m) || Number.isNaN(n) ? x.localeCompare(y, "en", { numeric: true }) : m - n;
    return up ? order : -order;
  });
  body.append(...rows);
}

function tables() {
  for (const table of document.querySelectorAll("table[data-sort]")) {
    [...table.tHead.rows[0].cells].forEach((head, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sortBy(table, index, button));
    });
  }
  for (const box of document.querySelectorAll("input[data-filters]")) {
    const body = document.getElementById(box.dataset.filters).tBodies[0];
    const told = document.getElementById(`${box.id}-count`);
    box.closest(".filter").hidden = false;
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      told.textContent = `${shown} of ${body.rows.length} rows`;
    });
  }
}

tables();
drawAll();
