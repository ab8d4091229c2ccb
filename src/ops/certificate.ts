/** Reads the certificate and key that the operator named, and compares them before any client gets them. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

export interface CertificateFiles {
  /** PEM: the server's certificate, then the intermediate ones. */
  readonly certificate: string;
  /** PEM, without a passphrase. */
  readonly key: string;
  /** MQTT clients are asked for certificates. `ca`, PEM: the authorities that sign them. */
  readonly clients?: { readonly ca: string; readonly required: boolean } | undefined;
}

/** What a TLS listener takes. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly clients?: { readonly ca: string; readonly required: boolean } | undefined;
}

/** Holds every reason why the files cannot be used, one sentence each. */
export class CertificateError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "CertificateError";
    this.problems = problems;
  }
}

/**
 * Throws `CertificateError`. An expired certificate is accepted: clients judge it and may be configured to trust it.
 */
export function readCertificate(files: CertificateFiles): Certificate {
  const problems: string[] = [];
  const cert = read("tls.certificate", files.certificate, problems);
  const key = read("tls.key", files.key, problems);
  const clientCa = files.clients === undefined ? undefined : read("tls.client_ca", files.clients.ca, problems);
  if (clientCa !== undefined) checkAuthorities(clientCa, files.clients?.ca ?? "", problems);
  const parsed = cert === undefined ? undefined : parseCertificate(cert, files.certificate, problems);
  const secret = key === undefined ? undefined : parseKey(key, files.key, problems);
  if (parsed !== undefined && secret !== undefined && !parsed.checkPrivateKey(secret)) {
    problems.push(`tls.key: ${files.key} is not the key of the first certificate in ${files.certificate}`);
  }
  if (problems.length > 0 || cert === undefined || key === undefined) throw new CertificateError(problems);
  if (files.clients === undefined || clientCa === undefined) return { cert, key };
  return { cert, key, clients: { ca: clientCa, required: files.clients.required } };
}

/** Checks each certificate in the file: an unreadable one would be ignored silently. */
function checkAuthorities(pem: string, path: string, problems: string[]): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?(?:-----END CERTIFICATE-----|$)/gs) ?? [];
  const readable = blocks.filter((block) => {
    try {
      return new X509Certificate(block).subject !== undefined;
    } catch {
      return false;
    }
  });
  if (blocks.length === 0 || readable.length < blocks.length) {
    problems.push(`tls.client_ca: ${path} is not one or more certificates in PEM form`);
  }
}

function read(setting: string, path: string, problems: string[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    problems.push(`${setting}: ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function parseCertificate(pem: string, path: string, problems: string[]): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    problems.push(`tls.certificate: ${path} is not a certificate in PEM form`);
    return undefined;
  }
}

function parseKey(pem: string, path: string, problems: string[]): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    problems.push(`tls.key: ${path} is not a private key in PEM form, or needs a passphrase`);
    return undefined;
  }
}
