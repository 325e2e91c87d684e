import { customType } from 'drizzle-orm/pg-core';

/** A drizzle column of bytes, as Uint8Array both ways. */
export const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});
