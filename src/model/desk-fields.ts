import { type FieldTable, text } from './field-spec.ts';

export const deskFields: FieldTable = {
  pool: {
    description:
      'the hosts that run `chancery authz`, by the names with which they joined, and where proxies reach each',
    example: '{ authz-1: 10.0.0.5:15012, authz-2: authz-2.example.com:15012 }',
    schema: { type: 'object', additionalProperties: text, minProperties: 1 },
  },
};

/** Of a route. */
export const deskAway: FieldTable[string] = {
  description:
    'closed, or open: while no policy desk answers, what of this route only a desk can decide is let in',
  example: 'closed',
  unlessSaid: 'closed',
  schema: { enum: ['closed', 'open'] },
};
