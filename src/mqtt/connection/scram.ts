/**
 * SCRAM-SHA-256, RFC 5802 and RFC 7677, as a method of MQTT 5's enhanced authentication. The client proves that it
 * knows the password without sending it; the server proves that it has the password's keys. There is no channel
 * binding: the transport would have to say what it is bound to. An unknown name is asked for a proof like any other,
 * always with the same salt, so that no client learns which names exist.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { saslprep } from "../../lib/saslprep.ts";
import type {
  Authentication,
  AuthenticationExchange,
  AuthenticationMethod,
  AuthenticationStep,
  Principal,
} from "../identity.ts";

export const scramSha256 = "SCRAM-SHA-256";

/** What is stored of a password, RFC 5802 § 3. */
export interface ScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The client that logs in, as the exchange describes it. */
export interface ScramClient {
  readonly username: string;
  readonly clientId: string;
  readonly address: string;
}

export interface ScramAccounts<P extends Principal> {
  /** Undefined where the name is unknown or has no keys; the exchange goes on to its end even so. */
  find(username: string): Promise<ScramKeys | undefined>;
  /**
   * Called with whether the proof was right (always wrong where `find` found nothing); gives the client's
   * authentication.
   */
  conclude(client: ScramClient, right: boolean): Promise<Authentication<P>>;
}

export interface ScramParts<P extends Principal> {
  readonly accounts: ScramAccounts<P>;
  /** The secret that salts of unknown names are derived from; it never changes. */
  secret(): Promise<Uint8Array>;
  /** The iteration counts that unknown names appear to have: those of real ones, so that no count reveals a name. */
  readonly iterations: readonly number[];
  newNonce?(): string;
}

const messageBytesMax = 4096;
const nonceCharactersMax = 256;
const hashBytes = 32;
const saltBytes = 16;

/**
 * n: the client knows no channel binding; y: it believes that the server does not. An authorization identity must be
 * the client's own name.
 */
const firstMessage = /^([ny],(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/su;
const finalMessage = /^(c=([A-Za-z0-9+/=]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?),p=([A-Za-z0-9+/]{43}=)$/su;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function createScramSha256<P extends Principal>(parts: ScramParts<P>): AuthenticationMethod<P> {
  return { begin: (client) => new Exchange(parts, client) };
}

interface Begun {
  readonly username: string;
  readonly gs2Header: string;
  readonly firstBare: string;
  readonly serverFirst: string;
  readonly nonce: string;
  readonly keys: ScramKeys;
}

const refused = { done: { refused: "not_authorized" } } as const;

class Exchange<P extends Principal> implements AuthenticationExchange<P> {
  readonly #parts: ScramParts<P>;
  readonly #client: { readonly clientId: string; readonly address: string };
  #state: "fresh" | "asked" | Begun | "over" = "fresh";

  constructor(parts: ScramParts<P>, client: { clientId: string; address: string }) {
    this.#parts = parts;
    this.#client = client;
  }

  async next(data: Uint8Array | undefined): Promise<AuthenticationStep<P>> {
    const state = this.#state;
    // Any failure ends the exchange.
    this.#state = "over";
    if (state === "over") return refused;
    // The client speaks first in this method; it may not have sent its message with CONNECT.
    if (state === "fresh" && (data === undefined || data.length === 0)) {
      this.#state = "asked";
      return { challenge: new Uint8Array() };
    }
    const text = textOf(data);
    if (text === undefined) return refused;
    return typeof state === "string" ? this.#begin(text) : this.#finish(text, state);
  }

  async #begin(text: string): Promise<AuthenticationStep<P>> {
    const [, gs2Header = "", identity, firstBare = "", name = "", clientNonce = ""] = firstMessage.exec(text) ?? [];
    const username = decodeName(name);
    if (username === undefined || clientNonce.length > nonceCharactersMax) return refused;
    if (identity !== undefined && decodeName(identity) !== username) return refused;
    const keys = (await this.#parts.accounts.find(username)) ?? (await this.#keysOfUnknown(username));
    const nonce = clientNonce + (this.#parts.newNonce?.() ?? randomBytes(24).toString("base64"));
    const serverFirst = `r=${nonce},s=${Buffer.from(keys.salt).toString("base64")},i=${keys.iterations}`;
    this.#state = { username, gs2Header, firstBare, serverFirst, nonce, keys };
    return { challenge: Buffer.from(serverFirst) };
  }

  async #finish(text: string, begun: Begun): Promise<AuthenticationStep<P>> {
    const [, withoutProof, binding, nonce, proof] = finalMessage.exec(text) ?? [];
    if (withoutProof === undefined || proof === undefined) return refused;
    if (nonce !== begun.nonce || binding !== Buffer.from(begun.gs2Header).toString("base64")) return refused;
    const message = `${begun.firstBare},${begun.serverFirst},${withoutProof}`;
    const { username, keys } = begun;
    // The password may have changed since, or its owner may be gone. The keys of an unknown name never match.
    const current = await this.#parts.accounts.find(username);
    const right =
      provesKey(keys, message, Buffer.from(proof, "base64")) &&
      current !== undefined &&
      Buffer.compare(current.storedKey, keys.storedKey) === 0;
    const done = await this.#parts.accounts.conclude({ ...this.#client, username }, right);
    if ("refused" in done) return { done };
    if (!right) return refused;
    const signature = hmac(keys.serverKey, message).toString("base64");
    return { done, data: Buffer.from(`v=${signature}`) };
  }

  async #keysOfUnknown(username: string): Promise<ScramKeys> {
    const { secret, iterations } = this.#parts;
    const bytes = hmac(await secret(), username);
    const choice = (bytes[hashBytes - 1] ?? 0) % iterations.length;
    const key = new Uint8Array(hashBytes);
    return {
      salt: bytes.subarray(0, saltBytes),
      iterations: iterations[choice] ?? 4096,
      storedKey: key,
      serverKey: key,
    };
  }
}

/** ClientKey = proof XOR HMAC(StoredKey, AuthMessage), and its hash is StoredKey. */
function provesKey({ storedKey }: ScramKeys, message: string, proof: Uint8Array): boolean {
  const clientKey = hmac(storedKey, message);
  if (proof.length !== hashBytes || storedKey.length !== hashBytes) return false;
  for (const [at, byte] of proof.entries()) clientKey[at] = (clientKey[at] ?? 0) ^ byte;
  return timingSafeEqual(createHash("sha256").update(clientKey).digest(), storedKey);
}

const hmac = (key: Uint8Array, message: string): Buffer => createHmac("sha256", key).update(message).digest();

function textOf(data: Uint8Array | undefined): string | undefined {
  if (data === undefined || data.length > messageBytesMax) return undefined;
  try {
    return utf8.decode(data);
  } catch {
    return undefined; // Text that is not UTF-8 is not a message of the method.
  }
}

/** `=2C` is a comma and `=3D` an equals sign; a lone `=` is an error, and so is an empty name. */
function decodeName(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined;
  const prepared = saslprep(name.replaceAll("=2C", ",").replaceAll("=3D", "="));
  return prepared === "" ? undefined : prepared;
}
