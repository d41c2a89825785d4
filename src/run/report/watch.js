// Asks every second whether something has changed, and puts the new page in the place of the old one.
let version = document.querySelector("main").dataset.version;
setInterval(async () => {
  try {
    const answer = await fetch("/page?version=" + encodeURIComponent(version));
    if (answer.status !== 200) return;
    const open = [...document.querySelectorAll("details")].map((details) => details.open);
    const main = document.querySelector("main");
    main.innerHTML = await answer.text();
    version = answer.headers.get("X-Version");
    document.querySelectorAll("details").forEach((details, place) => {
      if (place < open.length) details.open = open[place];
    });
    document.body.classList.remove("lost");
    hover();
  } catch {
    // The server is gone: what is shown is the last that is known.
    document.body.classList.add("lost");
  }
}, 1000);
