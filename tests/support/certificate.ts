/** Certificates made by openssl, for a test's own folder. */
import { join } from "node:path";
import { output } from "./processes.ts";

export interface CertificateOnDisk {
  readonly certificate: string;
  readonly key: string;
}

/** Self-signed, for localhost and 127.0.0.1: it is its own authority too. */
export async function makeCertificate(folder: string, name = "server"): Promise<CertificateOnDisk> {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  await output([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", files.key, "-out", files.certificate],
  ]);
  return files;
}

/** A certificate for a client with this subject (`/O=Acme/CN=sensor-1`), signed by `authority`. */
export async function makeClientCertificate(
  folder: string,
  { name, subject, authority }: { name: string; subject: string; authority: CertificateOnDisk },
): Promise<CertificateOnDisk> {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  await output([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-subj", subject, "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-CA", authority.certificate, "-CAkey", authority.key],
    ...["-keyout", files.key, "-out", files.certificate],
  ]);
  return files;
}
