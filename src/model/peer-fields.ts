import { type FieldTable, text } from './field-spec.ts';

/** The fields of `peers` in mesh.yaml. */
export const peerFields: FieldTable = {
  endpoint: {
    description: 'the https URL that serves the bundle of the trust domain',
    example: 'https://bundle.partner.test/',
    required: true,
    schema: { type: 'string', pattern: '^https://[^@]+$' },
  },
  profile: {
    description:
      'how the endpoint is authenticated: https_web by a certificate for its name, https_spiffe by its SVID',
    example: 'https_web',
    required: true,
    schema: { enum: ['https_web', 'https_spiffe'] },
  },
  endpoint_id: {
    narrows: true,
    description: 'with https_spiffe: the SPIFFE ID that the endpoint must have',
    example: 'spiffe://partner.test/bundle',
    schema: { type: 'string', pattern: '^spiffe://[a-z0-9._-]+/.+$' },
  },
  bundle: {
    narrows: true,
    description:
      'the bundle to begin with, as the partner publishes it; needed with https_spiffe, where the first fetch is checked with it',
    example: '|',
    schema: text,
  },
  ca: {
    narrows: true,
    description:
      'with https_web: certificates (PEM) of a private CA that is taken in place of the public ones',
    example: '|',
    schema: text,
  },
};
