/** How much of a term one payload may hold. The payload itself is bounded where it arrives. */

export interface TermLimits {
  /** Levels of containers within containers. */
  readonly depthMax: number;
  /** Values of every kind in one payload, containers among them. */
  readonly elementsMax: number;
  /** The limit for one binary, bit string or string. */
  readonly binaryBytesMax: number;
  /** The limit for a compressed term after inflation. */
  readonly inflatedBytesMax: number;
  readonly bigIntegerBytesMax: number;
}

/**
 * A Profile with all its contacts nests six deep and holds some 20 values per contact; an avatar is a link. Big
 * integers are times and ids: 8 bytes.
 */
export const termLimits: TermLimits = {
  depthMax: 64,
  elementsMax: 100_000,
  binaryBytesMax: 1024 * 1024,
  inflatedBytesMax: 4 * 1024 * 1024,
  bigIntegerBytesMax: 1024,
};
