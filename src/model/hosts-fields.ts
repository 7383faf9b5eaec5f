import { duration, type FieldTable, object, oneOrMany, text } from './field-spec.ts';

export const joinTokenFields: FieldTable = {
  max_ttl: {
    description: 'the longest life of a join token',
    example: '1h',
    unlessSaid: '1d',
    schema: duration,
  },
};

export const x509popFields: FieldTable = {
  roots: {
    description: 'the CA certificates below which host certificates are taken, in PEM',
    example: '|\n  -----BEGIN CERTIFICATE-----\n  ...',
    required: true,
    schema: text,
  },
  name: {
    description:
      'what of the certificate names the host: its common name, its first DNS name, or a fingerprint of its key',
    example: 'dns',
    required: true,
    schema: { enum: ['common_name', 'dns', 'fingerprint'] },
  },
};

const sha256Hex = { type: 'string', pattern: '^[0-9a-f]{64}$' };

export const tpmFields: FieldTable = {
  known: {
    description: 'hosts by name, each with the hash of its endorsement key (chancery host ek)',
    example: '{ web-1: 7b1f… }',
    schema: { type: 'object', additionalProperties: sha256Hex, minProperties: 1 },
  },
  roots: {
    description:
      'CA certificates of makers of TPMs, in PEM: theirs are admitted under a name made of the key',
    example: '"-----BEGIN CERTIFICATE-----…"',
    schema: text,
  },
};

export const awsIidFields: FieldTable = {
  accounts: {
    description: 'the accounts whose instances are admitted, twelve digits each',
    example: '["123456789012"]',
    required: true,
    schema: oneOrMany({ type: ['string', 'integer'] }),
  },
  certificates: {
    description: 'certificates of AWS for RSA-2048 signatures of your regions, in PEM',
    example: '"-----BEGIN CERTIFICATE-----…"',
    required: true,
    schema: text,
  },
  max_age: {
    description: 'how long after its start an instance may come in',
    example: '1h',
    unlessSaid: '1h',
    schema: duration,
  },
};

/** `hosts` of mesh.yaml. */
export const hostsFields: FieldTable = {
  join_token: {
    description: 'tokens that an operator makes for one machine each (chancery host token)',
    example: '{ max_ttl: 1h }',
    schema: object(() => joinTokenFields),
  },
  x509pop: {
    description: 'certificates that machines have already, from a CA of the company',
    example: '{ roots: "-----BEGIN CERTIFICATE-----...", name: dns }',
    schema: object(() => x509popFields),
  },
  rejoin: {
    description: 'how long a host may be away and still come back with the key that it has',
    example: '30d',
    unlessSaid: '30d',
    schema: duration,
  },
  tpm: {
    description: 'machines with a TPM 2.0, by its endorsement key',
    example: '{ known: { web-1: 7b1f… } }',
    schema: object(() => tpmFields),
  },
  aws_iid: {
    description: 'EC2 instances, by their signed identity document',
    example: '{ accounts: ["123456789012"], certificates: "-----BEGIN CERTIFICATE-----…" }',
    schema: object(() => awsIidFields),
  },
};
