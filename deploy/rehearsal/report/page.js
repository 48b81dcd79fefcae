// Shows what the pointer is at. Each point is [ms, requests a second, p50, p99, max in µs, failed].
(({ width, span, points }) => {
  const figure = document.querySelector("figure"), tip = figure.querySelector(".tip");
  const took = (us) => us < 1e3 ? (us / 1e3).toFixed(2) + " ms" : us < 1e6 ? Number((us / 1e3).toPrecision(3)) + " ms" : (us / 1e6).toFixed(2) + " s";
  for (const svg of figure.querySelectorAll("svg")) {
    const cross = svg.querySelector(".cross"), left = +svg.dataset.left, right = +svg.dataset.right;
    const hide = () => { cross.style.visibility = tip.style.visibility = "hidden"; };
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
      const share = ((event.clientX - box.left) * scale - left) / (right - left);
      const point = points[Math.floor(share * span / width)];
      if (share < 0 || !point) return hide();
      const x = left + Math.min((point[0] + width / 2) / span, 1) * (right - left);
      cross.setAttribute("x1", x); cross.setAttribute("x2", x);
      tip.textContent = (point[0] / 1e3).toFixed(1) + " s\n" + point[1].toLocaleString("en") + " requests a second" +
        (point[1] ? "\np50 " + took(point[2]) + "\np99 " + took(point[3]) + "\nmax " + took(point[4]) : "") + (point[5] ? "\n" + point[5] + " failed" : "");
      const near = box.left - figure.getBoundingClientRect().left + x / scale, beyond = near + tip.offsetWidth + 14 > figure.clientWidth;
      tip.style.transform = `translate(${Math.max(0, beyond ? near - tip.offsetWidth - 14 : near + 14)}px, 64px)`;
      cross.style.visibility = tip.style.visibility = "visible";
    });
  }
})(
