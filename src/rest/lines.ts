/** A request's body as lines. It is read no faster than lines are asked for, so only one chunk and one line wait here. */
export interface LinesOptions {
  readonly lineBytesMax: number;
  /** The body is given up when it brings nothing for so long. */
  readonly idleMs: number;
}

/** In place of a line that is too long. */
export const overlongLine = Symbol("overlong line");
export type Line = Uint8Array | typeof overlongLine;

const newline = 0x0a;

export class Lines {
  readonly #reader: ReturnType<typeof readerOf>;
  readonly #options: LinesOptions;
  /** Read and not yet cut into lines. */
  #chunk: Uint8Array = new Uint8Array();
  /** The beginning of a line whose end has not come. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;
  #ended = false;

  constructor(body: ReadableStream<Uint8Array>, options: LinesOptions) {
    this.#reader = readerOf(body);
    this.#options = options;
  }

  /** The lines at hand, at least one and at most `max`; undefined at the end. Blank lines are left out. */
  async next(max: number): Promise<Line[] | undefined> {
    const lines: Line[] = [];
    while (lines.length < max) {
      const line = this.#cut();
      if (line !== undefined) {
        if (line === overlongLine || !isBlank(line)) lines.push(line);
        continue;
      }
      if (lines.length > 0 || this.#ended) break;
      await this.#read();
    }
    return lines.length > 0 ? lines : undefined;
  }

  /** Safe to call twice. */
  async cancel(): Promise<void> {
    this.#ended = true;
    await this.#reader.cancel().catch(() => {}); // The client is gone, so there is no one to answer.
  }

  /** The next line of what was read; undefined where more must be read first. */
  #cut(): Line | undefined {
    const at = this.#chunk.indexOf(newline);
    if (at === -1) {
      this.#begin(this.#chunk);
      this.#chunk = new Uint8Array();
      return this.#ended && this.#begunBytes > 0 ? this.#finish() : undefined;
    }
    this.#begin(this.#chunk.subarray(0, at));
    this.#chunk = this.#chunk.subarray(at + 1);
    return this.#finish();
  }

  #begin(piece: Uint8Array): void {
    this.#begunBytes += piece.byteLength;
    // Of a line that is too long only that fact is kept.
    if (this.#begunBytes > this.#options.lineBytesMax) this.#begun = [];
    else if (piece.byteLength > 0) this.#begun.push(piece);
  }

  #finish(): Line {
    const overlong = this.#begunBytes > this.#options.lineBytesMax;
    const [only] = this.#begun;
    const line = this.#begun.length === 1 && only !== undefined ? only : Buffer.concat(this.#begun);
    this.#begun = [];
    this.#begunBytes = 0;
    return overlong ? overlongLine : line;
  }

  async #read(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const idle = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("the stream brings nothing")), this.#options.idleMs);
    });
    try {
      const { done, value } = await Promise.race([this.#reader.read(), idle]);
      if (done) this.#ended = true;
      else this.#chunk = value;
    } finally {
      clearTimeout(timer);
    }
  }
}

const isBlank = (line: Uint8Array): boolean => line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);

const readerOf = (body: ReadableStream<Uint8Array>) => body.getReader();
