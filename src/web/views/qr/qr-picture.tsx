/** A link as a QR code, with a button that copies it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { copyText } from "../parts/clipboard.ts";
import { useWords } from "../preferences.ts";

const quietZone = 4;
const sidePx = 232;

export function QrPicture({ link, label }: { link: string; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let ended = false;
    void import("./qr-code.ts").then(({ qrCode }) => {
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (ended || element === null || context === null || context === undefined) return;
      const rows = qrCode(link);
      const scale = Math.max(2, Math.floor((sidePx * devicePixelRatio) / (rows.length + 2 * quietZone)));
      element.width = element.height = (rows.length + 2 * quietZone) * scale;
      context.fillStyle = "#fff";
      context.fillRect(0, 0, element.width, element.height);
      context.fillStyle = "#000";
      for (const [y, row] of rows.entries()) {
        for (const [x, dark] of row.entries()) {
          if (dark) context.fillRect((x + quietZone) * scale, (y + quietZone) * scale, scale, scale);
        }
      }
    });
    return () => {
      ended = true;
    };
  }, [link]);
  return (
    <canvas class="qr" ref={canvas} role="img" aria-label={label} data-link={link} width={sidePx} height={sidePx} />
  );
}

export function LinkToCopy({ link }: { link: string }) {
  const words = useWords();
  const [copied, setCopied] = useState(false);
  return (
    <div class="link-to-copy">
      <input
        readOnly
        dir="ltr"
        value={link}
        aria-label={words.copyLink}
        onFocus={({ currentTarget }) => currentTarget.select()}
      />
      <button
        type="button"
        class="button small"
        onClick={({ currentTarget }) => {
          copyText(link, currentTarget.parentElement ?? document.body);
          setCopied(true);
        }}
      >
        {copied ? words.copied : words.copy}
      </button>
    </div>
  );
}
