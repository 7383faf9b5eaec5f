import type { CelLiteral } from './expr.ts';
import { type CelValue, celDouble } from './value.ts';

export function literalValue(literal: CelLiteral): CelValue {
  switch (literal.k) {
    case 'null':
      return null;
    case 'bool':
    case 'string':
      return literal.v;
    case 'int':
      return typeof literal.v === 'number' ? literal.v : BigInt(literal.v);
    case 'uint':
      return { kind: 'uint', value: BigInt(literal.v) };
    case 'double':
      return celDouble(Number(literal.v));
    case 'bytes':
      return Buffer.from(literal.v, 'base64');
  }
}
