// Says the values of all curves at the step under the pointer.
function hover() {
  for (const panel of document.querySelectorAll(".panel")) {
    const {frame, curves} = JSON.parse(panel.querySelector("script").textContent);
    const svg = panel.querySelector("svg"), cursor = panel.querySelector(".cursor"), values = panel.querySelector(".values");
    const hide = () => { cursor.style.display = values.style.display = "none"; };
    const number = (value) => String(Number(value.toPrecision(5)));
    svg.addEventListener("mouseleave", hide);
    svg.addEventListener("mousemove", (event) => {
      const box = svg.getBoundingClientRect(), scale = box.width / frame.width;
      const part = ((event.clientX - box.left) / scale - frame.left) / (frame.right - frame.left);
      if (part < 0 || part > 1) { hide(); return; }
      const [low, high] = frame.x;
      const x = frame.logarithmic ? low * (high / low) ** part : low + part * (high - low);
      const lines = [];
      let at = null;
      for (const {label, points} of curves) {
        let nearest = null;
        for (const point of points) {
          if (nearest === null || Math.abs(point[0] - x) < Math.abs(nearest[0] - x)) nearest = point;
        }
        if (nearest === null) continue;
        if (at === null || Math.abs(nearest[0] - x) < Math.abs(at - x)) at = nearest[0];
        lines.push([nearest, label]);
      }
      if (at === null) { hide(); return; }
      // A run that has no value near counts for nothing there.
      const near = lines.filter(([point]) => Math.abs(point[0] - at) <= 0.02 * (high - low));
      values.textContent = [number(at), ...near.map(([point, label]) => `${label}: ${number(point[1])}`)].join("\n");
      cursor.style.cssText = `display:block;left:${event.clientX - box.left}px;top:${frame.top * scale}px;` +
        `height:${(frame.bottom - frame.top) * scale}px`;
      values.style.cssText = "display:block;top:0;" +
        (part < 0.5 ? `left:${event.clientX - box.left + 12}px` : `right:${box.right - event.clientX + 12}px`);
    });
  }
  // The frames of an animation, one at a time.
  for (const figure of document.querySelectorAll("figure.frames")) {
    const frames = JSON.parse(figure.querySelector("script").textContent);
    figure.querySelector("input").addEventListener("input", (event) => {
      figure.querySelector("img").src = frames[Number(event.target.value)];
    });
  }
}
hover();
