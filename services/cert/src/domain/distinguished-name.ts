/** A CA's distinguished name in the attributes that are asked for; absent attributes are left out of the DER. */
export interface DistinguishedName {
  readonly commonName: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly country?: string;
  readonly province?: string;
  readonly locality?: string;
}
