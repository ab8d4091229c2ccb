/** What a message has besides text: a picture, a video, a sound, a file. Its box has its size before anything loads. */
import type { FileShown, Message } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { useWords } from "../preferences.ts";
import { sizeWords } from "../text/times.ts";
import { lightbox } from "./conversation-state.ts";
import { kindOf } from "./spoken.ts";

const boxMost = { width: 340, height: 380 };
const boxLeast = { width: 120, height: 64 };

/** The box of a picture in CSS pixels: its own shape as far as it fits, and never a line without height. */
export function boxOf({ width, height }: Pick<FileShown, "width" | "height">): { width: number; height: number } {
  if (width === undefined || height === undefined || !(width > 0) || !(height > 0)) return { width: 280, height: 210 };
  const scale = Math.min(1, boxMost.width / width, boxMost.height / height);
  return {
    width: Math.round(Math.max(boxLeast.width, width * scale)),
    height: Math.round(Math.max(boxLeast.height, height * scale)),
  };
}

function Progress({ message }: { message: Message }) {
  const words = useWords();
  const model = useModel();
  if (message.delivery !== "waiting" && message.delivery !== "sending") return null;
  return (
    <span class="upload">
      {message.progress !== undefined && (
        <progress max={1} value={message.progress} aria-label={words.deliverySending} />
      )}
      <IconButton icon="close" label={words.cancelUpload} onClick={() => model.drop(message.key)} />
    </span>
  );
}

export function Content({ message, file }: { message: Message; file: FileShown }) {
  const words = useWords();
  const kind = kindOf(message);
  const name = file.name?.slice(0, 255) ?? words[kind === "other" ? "file" : kind];
  if (kind === "picture") {
    const box = boxOf(file);
    return (
      <div class="picture" style={{ width: `${box.width}px`, aspectRatio: `${box.width} / ${box.height}` }}>
        <button
          type="button"
          aria-label={`${words.openPicture}: ${name}`}
          onClick={() => {
            lightbox.value = { url: file.url, name };
          }}
        >
          <img src={file.url} alt="" width={box.width} height={box.height} loading="lazy" decoding="async" />
        </button>
        <Progress message={message} />
      </div>
    );
  }
  if (kind === "video" && file.type.startsWith("video/")) {
    const box = boxOf(file.width === undefined ? { width: 320, height: 180 } : file);
    return (
      // biome-ignore lint/a11y/useMediaCaption: what people send has no captions
      <video
        class="video"
        controls
        preload="metadata"
        src={file.url}
        aria-label={name}
        style={{ width: `${box.width}px`, aspectRatio: `${box.width} / ${box.height}` }}
      />
    );
  }
  if (kind === "audio" && file.type.startsWith("audio/")) {
    // biome-ignore lint/a11y/useMediaCaption: what people send has no captions
    return <audio class="audio" controls preload="metadata" src={file.url} aria-label={name} />;
  }
  return (
    <div class="file">
      <span class="file-icon">
        <Icon name="file" />
      </span>
      <span class="file-words">
        <bdi class="file-name" title={name}>
          {name}
        </bdi>
        <span class="quiet">{sizeWords(words.tag, file.bytes)}</span>
      </span>
      {message.messageId === undefined ? (
        <Progress message={message} />
      ) : (
        <a
          class="icon-button"
          href={file.url}
          download={name}
          aria-label={`${words.download}: ${name}`}
          title={words.download}
        >
          <Icon name="download" />
        </a>
      )}
    </div>
  );
}
