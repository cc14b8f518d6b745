// The network, as the browser tells it and as calls find it.
import { t } from "./dom.js";
import { toast } from "./dialogs.js";

export class Connection {
  // `onBack`: the browser says that there is a network again.
  constructor({ banner, onBack }) {
    this.banner = banner;
    this.isLost = false;
    this.isCut = false;
    addEventListener("offline", () => { this.isCut = true; this.setLost(true); });
    addEventListener("online", () => { this.isCut = false; onBack(); });
  }

  setLost(lost) {
    if (this.isLost === lost) return;
    if (this.isLost && !lost) toast(t("online"));
    this.isLost = lost;
    this.banner.hidden = !lost;
  }
}

// Until the time has passed, the network is back, or nobody waits any more.
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
