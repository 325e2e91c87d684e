import { RpcInputError } from '../errors/rpc-input-error.ts';

/** The order that a list is asked for in. */
export interface OrderBy<Field extends string> {
  readonly field: Field;
  readonly isDescending: boolean;
}

/**
 * Parses `order_by`: one field, and ` desc` where the greatest is to be first. Empty asks for the given default.
 *
 * @throws RpcInputError `invalid-order-by`.
 */
export function parseOrderBy<Field extends string>(
  text: string,
  { fields, whenEmpty }: { readonly fields: readonly Field[]; readonly whenEmpty: OrderBy<Field> },
): OrderBy<Field> {
  if (text === '') return whenEmpty;
  const isDescending = text.endsWith(' desc');
  const name = isDescending ? text.slice(0, -' desc'.length) : text;
  const field = fields.find((candidate) => candidate === name);
  if (field === undefined) {
    throw new RpcInputError('invalid-order-by', `order_by takes ${fields.join(' or ')}, and " desc" after it.`, {
      field: 'order_by',
    });
  }
  return { field, isDescending };
}
