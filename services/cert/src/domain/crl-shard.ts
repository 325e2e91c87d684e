/**
 * The shard whose CRL lists this serial number: its last byte modulo the authority's count (docs/adr/0003). Fixed at
 * issuance.
 */
export function crlShard({ serial, shardCount }: { serial: Uint8Array; shardCount: number }): number {
  return (serial.at(-1) ?? 0) % shardCount;
}

/** The URL in cRLDistributionPoints and, byte for byte, in the CRL's issuingDistributionPoint. */
export function crlUrl({
  pkiBaseUrl,
  authorityUid,
  shard,
}: {
  pkiBaseUrl: string;
  authorityUid: string;
  shard: number;
}): string {
  return `${pkiBaseUrl}/crl/${authorityUid}/${shard}.crl`;
}

/** The URL of an authority's certificate, for authorityInfoAccess. */
export function issuerUrl({ pkiBaseUrl, authorityUid }: { pkiBaseUrl: string; authorityUid: string }): string {
  return `${pkiBaseUrl}/aia/${authorityUid}.cer`;
}
