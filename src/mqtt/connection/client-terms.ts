/**
 * What an MQTT 5 client asked for in CONNECT about the packets it receives, and the topic aliases of both sides since.
 */
import { ProtocolError } from "../wire/errors.ts";
import { reasonCodes } from "../wire/reason-codes.ts";

export interface ConnectTerms {
  readonly maximumPacketBytes: number;
  readonly receiveMaximum: number;
  /** The highest alias that the server may assign. */
  readonly topicAliasMaximum: number;
  /** Whether the client wants reason strings [MQTT-3.1.2-29]. */
  readonly explain: boolean;
}

export const noAlias = { alias: 0, aliasKnown: false };

export class ClientTerms {
  readonly maximumPacketBytes: number;
  readonly receiveMaximum: number;
  readonly explain: boolean;
  readonly #aliasMaximum: number;
  /** Topics for which the client knows an alias on this connection; MQTT 5 § 3.3.2.3.4. */
  readonly #aliases: Map<string, number> | undefined;
  /** Topics by the aliases that the client assigned. */
  #topics: Map<number, string> | undefined;

  constructor({ maximumPacketBytes, receiveMaximum, topicAliasMaximum, explain }: ConnectTerms) {
    this.maximumPacketBytes = maximumPacketBytes;
    this.receiveMaximum = receiveMaximum;
    this.explain = explain;
    this.#aliasMaximum = topicAliasMaximum;
    this.#aliases = topicAliasMaximum > 0 ? new Map() : undefined;
  }

  /** Whether every message goes to the client unchanged. */
  get plain(): boolean {
    return this.#aliases === undefined && this.maximumPacketBytes === Number.POSITIVE_INFINITY;
  }

  get usesAliases(): boolean {
    return this.#aliases !== undefined;
  }

  /** The first topics get the available aliases: [MQTT-3.1.2-26] [MQTT-3.3.2-8]. */
  aliasOf(topic: string): { alias: number; aliasKnown: boolean } {
    const known = this.#aliases?.get(topic);
    if (known !== undefined) return { alias: known, aliasKnown: true };
    if (this.#aliases === undefined || this.#aliases.size >= this.#aliasMaximum) return noAlias;
    return { alias: this.#aliases.size + 1, aliasKnown: false };
  }

  remember(topic: string, alias: number): void {
    this.#aliases?.set(topic, alias);
  }

  /** MQTT 5 § 3.3.2.3.4: an alias of the client's stands for the topic it was last sent with. Throws `ProtocolError`. */
  resolveAlias(publish: { readonly topicAlias: number; topic: string }, topicAliasesMax: number): void {
    const { topicAlias } = publish;
    if (topicAlias > topicAliasesMax) {
      throw new ProtocolError("a topic alias above the maximum", reasonCodes.topicAliasInvalid);
    }
    if (publish.topic !== "") {
      this.#topics ??= new Map();
      this.#topics.set(topicAlias, publish.topic);
      return;
    }
    const topic = this.#topics?.get(topicAlias);
    if (topic === undefined) throw new ProtocolError("an unknown topic alias", reasonCodes.protocolError);
    publish.topic = topic;
  }
}
