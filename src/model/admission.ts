import type { Admission } from './types.ts';

const daySeconds = 24 * 3_600;

/** Apart from what reads it in mesh.yaml: an agent needs it before it has heard of a mesh, and no parser. */
export const admissionUnlessSaid: Admission = {
  joinToken: { ttlSecondsMax: daySeconds },
  x509pop: undefined,
  rejoinSecondsMax: 30 * daySeconds,
  tpm: undefined,
  awsIid: undefined,
};
