/** Settings of certificates, `tls.…`, which every door shares (`Config.tls`). */
import { pemFile, type Reading, type Shown, settingsOf, yesOrNo } from "./values.ts";

/** Absolute paths. */
export interface TlsConfig {
  readonly certificate: string;
  readonly key: string;
  /** MQTT clients are asked for certificates signed by one of `ca`. */
  readonly clients?: { readonly ca: string; readonly required: boolean } | undefined;
}

export const tlsSettings = settingsOf({
  "tls.certificate": {
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "The server's certificate, then those between it and the root, in PEM form.",
  },
  "tls.key": {
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "The certificate's private key in PEM form, without a passphrase.",
  },
  "tls.client_ca": {
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "MQTT on TLS asks clients for certificates signed by one of these, in PEM form; see roost device add.",
  },
  "tls.require_client_certificate": {
    ...yesOrNo,
    fallback: false,
    live: true,
    about: "true: MQTT on TLS refuses clients without a certificate; false: they may log in by password.",
  },
});

/** Undefined where there is no certificate. */
export function readTls({ optional, needed, absolute, problems }: Reading<typeof tlsSettings>): TlsConfig | undefined {
  const [certificate, key, clientCa] = (["tls.certificate", "tls.key", "tls.client_ca"] as const).map((name) => {
    const value = optional[name];
    return value === undefined ? undefined : absolute(name, value);
  });
  const required = needed["tls.require_client_certificate"];
  if (certificate !== undefined && key === undefined) {
    problems.push("tls.certificate is set and tls.key is not; TLS needs both");
  }
  if (certificate === undefined && key !== undefined) {
    problems.push("tls.key is set and tls.certificate is not; TLS needs both");
  }
  if (required && clientCa === undefined) problems.push("tls.require_client_certificate needs tls.client_ca");
  if (clientCa !== undefined && certificate === undefined && key === undefined) {
    problems.push("tls.client_ca needs tls.certificate and tls.key");
  }
  if (certificate === undefined || key === undefined) return undefined;
  return { certificate, key, clients: clientCa === undefined ? undefined : { ca: clientCa, required } };
}

/** What is in force, for a reader. */
export const shownTls = (tls: TlsConfig | undefined): Shown<typeof tlsSettings> => ({
  "tls.certificate": tls?.certificate ?? null,
  "tls.key": tls?.key ?? null,
  "tls.client_ca": tls?.clients?.ca ?? null,
  "tls.require_client_certificate": tls?.clients?.required ?? false,
});
