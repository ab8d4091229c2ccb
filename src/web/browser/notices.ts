/** Notices and a sound while a tab is open, asked for by the user; and the number on the icon. */

export type NoticeState = "off" | "on" | "denied" | "unavailable";

const wish = "roost.notices";

/** Browsers show notices of pages that came by HTTPS, or from this machine. */
const isPossible = (): boolean => isSecureContext && typeof Notification !== "undefined";

export function noticeState(): NoticeState {
  if (!isPossible()) return "unavailable";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && read() === "on" ? "on" : "off";
}

/** From a click: the browser asks the user. */
export async function askForNotices(): Promise<NoticeState> {
  if (isPossible()) {
    await Notification.requestPermission();
    keep("on");
  }
  return noticeState();
}

export function noticesOff(): NoticeState {
  keep("off");
  return noticeState();
}

export interface Notice {
  readonly title: string;
  readonly text: string;
  /** A later notice of the same chat takes the place of this one. */
  readonly chatId: string;
  readonly icon: string;
}

export async function showNotice({ title, text, chatId, icon }: Notice, open: () => void): Promise<void> {
  if (noticeState() !== "on") return;
  ring();
  const options = { body: text, tag: chatId, ...(icon === "" ? {} : { icon }), data: { chatId } };
  try {
    const notice = new Notification(title, options);
    notice.onclick = () => {
      window.focus();
      open();
      notice.close();
    };
  } catch {
    // On phones a notice is the worker's to show.
    const worker = await (navigator as Partial<Navigator>).serviceWorker?.getRegistration();
    await worker?.showNotification(title, options).catch(() => {});
  }
}

export function showBadge(unread: number): void {
  const { setAppBadge, clearAppBadge } = navigator as Partial<Navigator>;
  void (unread > 0 ? setAppBadge?.call(navigator, unread) : clearAppBadge?.call(navigator))?.catch(() => {});
}

let audio: AudioContext | undefined;

/** Two short tones, which need no file. */
function ring(): void {
  try {
    audio ??= new AudioContext();
    const { currentTime } = audio;
    for (const [index, frequency] of [660, 880].entries()) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      const start = currentTime + index * 0.12;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.08, start);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.2);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.2);
    }
  } catch {
    // A browser that plays nothing still shows the notice.
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(wish);
  } catch {
    return null;
  }
}

function keep(value: string): void {
  try {
    localStorage.setItem(wish, value);
  } catch {
    // Then it is asked for again next time.
  }
}
