/** Terms of every kind, as they come out of the decoders: no empty char list, no improper list that ends in a list. */
import fc from "fast-check";
import type { WireTerm } from "../../src/etf/encode.ts";
import {
  Atom,
  BitString,
  CharList,
  Float,
  ImproperList,
  integerTerm,
  Opaque,
  type Term,
  TermMap,
  Tuple,
} from "../../src/etf/term.ts";
import { bytesOfHex } from "./bytes.ts";

const latin1Character = fc.nat(255).map((code) => String.fromCharCode(code));
const latin1Name = fc.array(latin1Character, { maxLength: 20 }).map((characters) => characters.join(""));
const utf8Name = fc.string({ unit: "binary", maxLength: 12 }).filter((name) => name.isWellFormed());
const integer = fc.oneof(
  fc.nat(255),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(1n << 400n), max: 1n << 400n }).map(integerTerm),
  fc.constantFrom(-1, 0, 255, 256, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER),
  fc.constantFrom(1n << 53n, -(1n << 53n), (1n << 2040n) - 1n, 1n << 63n),
);
const binary = fc.uint8Array({ maxLength: 20 });

const { wire } = fc.letrec<{ wire: WireTerm }>((tie) => ({
  wire: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    integer,
    latin1Name.map((name) => new Atom(name)),
    binary,
    fc.constant([]),
    fc.array(tie("wire"), { maxLength: 6 }),
    fc.array(tie("wire"), { maxLength: 6 }).map((items) => new Tuple(items)),
  ),
}));

/** What may be sent to a client. */
export const arbitraryWireTerm: fc.Arbitrary<WireTerm> = wire;

/** A pid, a reference, a port, an export and a fun, as OTP 25 writes them. */
export const opaqueBytes = {
  pid: "5864000d6e6f6e6f6465406e6f686f7374000000090000000000000000",
  reference: "5a000364000d6e6f6e6f6465406e6f686f7374000000000003b8317f8c0001548ab9ca",
  port: "5964000d6e6f6e6f6465406e6f686f73740000000000000000",
  export: "716400056c697374736400036d61706102",
  fun:
    "700000004701231a870457b51113137993f8cfbe732b00000000000000016400016d6100620118d438" +
    "5864000d6e6f6e6f6465406e6f686f7374000000090000000000000000" +
    "6107",
} as const;

const notAList = fc.oneof(
  integer,
  utf8Name.map((name) => new Atom(name)),
  binary,
);

const { full } = fc.letrec<{ full: Term }>((tie) => ({
  full: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    integer,
    utf8Name.map((name) => new Atom(name)),
    binary,
    fc.constant([]),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => new Float(value)),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => new CharList(bytes)),
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 7 })).map(([bytes, bits]) => {
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) & (0xff << (8 - bits));
      return new BitString(bytes, bits);
    }),
    fc.constantFrom(...Object.values(opaqueBytes)).map((hex) => new Opaque(bytesOfHex(hex))),
    fc.array(tie("full"), { maxLength: 6 }),
    fc.array(tie("full"), { maxLength: 6 }).map((items) => new Tuple(items)),
    fc
      .tuple(fc.array(tie("full"), { minLength: 1, maxLength: 4 }), notAList)
      .map(([items, tail]) => new ImproperList(items, tail)),
    fc.array(fc.tuple(tie("full"), tie("full")), { maxLength: 4 }).map((entries) => new TermMap(entries)),
  ),
}));

/** What may be received. */
export const arbitraryTerm: fc.Arbitrary<Term> = full;
