/** Pictures before they are sent: made smaller, turned upright, and without the notes that say where they were taken. */

export interface Picture {
  readonly blob: Blob;
  readonly width: number;
  readonly height: number;
}

const sideMax = 1_600;
/** A picture that is small already is sent as it is. */
const bytesSmall = 300 * 1024;
const avatarSide = 160;
/** What the server takes of an avatar. */
const avatarBytesMax = 16 * 1024;
const drawn = new Set(["image/png", "image/jpeg", "image/webp"]);

/** Undefined: it is no picture that this browser can draw, and is sent as a file. */
export async function measured(blob: Blob): Promise<Picture | undefined> {
  const bitmap = await bitmapOf(blob);
  if (bitmap === undefined) return undefined;
  const { width, height } = bitmap;
  bitmap.close();
  return { blob, width, height };
}

/** Undefined as in `measured`, and of one that moves. */
export async function madeSmaller(blob: Blob): Promise<Picture | undefined> {
  if (!drawn.has(blob.type)) return measured(blob);
  const bitmap = await bitmapOf(blob);
  if (bitmap === undefined) return undefined;
  const { width, height } = bitmap;
  const scale = Math.min(1, sideMax / Math.max(width, height));
  if (scale === 1 && blob.size <= bytesSmall) {
    bitmap.close();
    return { blob, width, height };
  }
  const smaller = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const made = await draw(bitmap, smaller, 0.85);
  bitmap.close();
  return made === undefined || made.size >= blob.size ? { blob, width, height } : { blob: made, ...smaller };
}

/** The middle of a picture, as the server takes it, in base64. */
export async function avatarOf(blob: Blob): Promise<string | undefined> {
  const bitmap = await bitmapOf(blob);
  if (bitmap === undefined) return undefined;
  const side = Math.min(bitmap.width, bitmap.height);
  const middle = await createImageBitmap(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side);
  bitmap.close();
  for (const quality of [0.9, 0.75, 0.6, 0.4]) {
    const made = await draw(middle, { width: avatarSide, height: avatarSide }, quality);
    if (made !== undefined && made.size <= avatarBytesMax) return base64Of(made);
  }
  return undefined;
}

const bitmapOf = (blob: Blob): Promise<ImageBitmap | undefined> => createImageBitmap(blob).catch(() => undefined);

function draw(
  bitmap: ImageBitmap,
  size: { width: number; height: number },
  quality: number,
): Promise<Blob | undefined> {
  const canvas = document.createElement("canvas");
  canvas.width = size.width;
  canvas.height = size.height;
  const context = canvas.getContext("2d");
  if (context === null) return Promise.resolve(undefined);
  // JPEG knows nothing of what is seen through.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, size.width, size.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, size.width, size.height);
  return new Promise((resolve) => canvas.toBlob((made) => resolve(made ?? undefined), "image/jpeg", quality));
}

async function base64Of(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
