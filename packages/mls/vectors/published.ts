/** Published vectors that are short enough to stand in the source; all values in hex. */
export interface KemVector {
  readonly source: string;
  readonly kem: "X25519" | "X448" | "P-256" | "P-521";
  readonly inputKeyMaterial?: string;
  readonly privateKey: string;
  readonly publicKey: string;
  /** Where it is published. */
  readonly ephemeralPrivateKey?: string;
  readonly ephemeralInputKeyMaterial?: string;
  readonly output: string;
  readonly secret: string;
}

export const KEM_VECTORS: readonly KemVector[] = [
  {
    source: "RFC 9180 A.1.1",
    kem: "X25519",
    inputKeyMaterial: "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
    privateKey: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    publicKey: "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    ephemeralPrivateKey: "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
    ephemeralInputKeyMaterial: "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
    output: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    secret: "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
  },
  {
    source: "RFC 9180 A.5.1",
    kem: "P-256",
    inputKeyMaterial: "61092f3f56994dd424405899154a9918353e3e008171517ad576b900ddb275e7",
    privateKey: "a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b",
    publicKey: "04a697bffde9405c992883c5c439d6cc358170b51af72812333b015621dc0f40ba" +
      "d9bb726f68a5c013806a790ec716ab8669f84f6b694596c2987cf35baba2a006",
    ephemeralPrivateKey: "7550253e1147aae48839c1f8af80d2770fb7a4c763afe7d0afa7e0f42a5b3689",
    ephemeralInputKeyMaterial: "f1f1a3bc95416871539ecb51c3a8f0cf608afb40fbbe305c0a72819d35c33f1f",
    output: "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824fc1" +
      "559eac6fb9e3c70cd3193968994e7fe9781aa103f5b50e934b5b2f387e381291",
    secret: "806520f82ef0b03c823b7fc524b6b55a088f566b9751b89551c170f4113bd850",
  },
  {
    source: "RFC 9180 A.6.1",
    kem: "P-521",
    privateKey: "01462680369ae375e4b3791070a7458ed527842f6a98a79ff5e0d4cbde83c27196" +
      "a3916956655523a6a2556a7af62c5cadabe2ef9da3760bb21e005202f7b2462847",
    publicKey: "0401b45498c1714e2dce167d3caf162e45e0642afc7ed435df7902ccae0e84ba0f" +
      "7d373f646b7738bbbdca11ed91bdeae3cdcba3301f2457be452f271fa6837580e6" +
      "61012af49583a62e48d44bed350c7118c0d8dc861c238c72a2bda17f64704f464b" +
      "57338e7f40b60959480c0e58e6559b190d81663ed816e523b6b6a418f66d2451ec64",
    ephemeralPrivateKey: "014784c692da35df6ecde98ee43ac425dbdd0969c0c72b42f2e708ab9d535415a8" +
      "569bdacfcc0a114c85b8e3f26acf4d68115f8c91a66178cdbd03b7bcc5291e374b",
    output: "040138b385ca16bb0d5fa0c0665fbbd7e69e3ee29f63991d3e9b5fa740aab8900a" +
      "aeed46ed73a49055758425a0ce36507c54b29cc5b85a5cee6bae0cf1c21f2731ec" +
      "e2013dc3fb7c8d21654bb161b463962ca19e8c654ff24c94dd2898de12051f1ed0" +
      "692237fb02b2f8d1dc1c73e9b366b529eb436e98a996ee522aef863dd5739d2f29b0",
    secret: "776ab421302f6eff7d7cb5cb1adaea0cd50872c71c2d63c30c4f1d5e43653336" +
      "fef33b103c67e7a98add2d3b66e2fda95b5b2a667aa9dac7e59cc1d46d30e818",
  },
  {
    source: "draft-ietf-hpke-pq-05 A.10.1",
    kem: "X448",
    inputKeyMaterial: "05010b60198748053414d63c47ba705c6440c9cbe653738977d08c6ca32d0b82" +
      "e27ba4ab996412f59f05cb73ac7ca0397ae450aa8f12ad3d",
    privateKey: "7491fbd4ccbb8c10743c87837d06c6bbdc0221dd527ca412503fe362360894f3" +
      "a974d3bf98e55562ec592347b8279281069a744167477004",
    publicKey: "fade88e04535766e153ba0b057f6abb2dd800ddc7f9c81261c4c36daedfe24fd" +
      "f7da2f5509ffb5747fe176df95d2685ebf31a92f9d35d95e",
    output: "63f7f749b717b00162520b49a89e6ad570cd333b685468dab6ef2017a99b7e19" +
      "4fa3bf572cd1d44766f7c1f2a1d5a0642799b860533ade01",
    secret: "f2dbcd87d122d22995c20d8ff6640f3cf15a3c1e64ccca0f2f0a81f898192903" +
      "71ba5a5739dff9e3d95845a62f0e28e1d3ba3926789902eb1bcf687f08219416",
  },
];

export interface HpkeVector {
  readonly source: string;
  readonly kem: "X25519" | "P-256" | "X-Wing";
  readonly aead: "AES-128-GCM" | "ChaCha20-Poly1305";
  readonly info: string;
  readonly privateKey: string;
  /** What `random` gives, call by call. */
  readonly random: readonly string[];
  readonly additionalData: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly exporterContext: string;
  readonly exported: string;
}

/** HKDF-SHA256 all of them, base mode, sequence number 0. */
export const HPKE_VECTORS: readonly HpkeVector[] = [
  {
    source: "RFC 9180 A.5.1",
    kem: "P-256",
    aead: "ChaCha20-Poly1305",
    info: "4f6465206f6e2061204772656369616e2055726e",
    privateKey: "a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b",
    random: ["7550253e1147aae48839c1f8af80d2770fb7a4c763afe7d0afa7e0f42a5b3689"],
    additionalData: "436f756e742d30",
    plaintext: "4265617574792069732074727574682c20747275746820626561757479",
    ciphertext: "6469c41c5c81d3aa85432531ecf6460ec945bde1eb428cb2fedf7a29f5a685b4" +
      "ccb0d057f03ea2952a27bb458b",
    exporterContext: "54657374436f6e74657874",
    exported: "477a50d804c7c51941f69b8e32fe8288386ee1a84905fe4938d58972f24ac938",
  },
  {
    source: "draft-ietf-hpke-pq-05 A.5",
    kem: "X-Wing",
    aead: "ChaCha20-Poly1305",
    info: "34663634363532303666366532303631323034373732363536333639363136653230353537323665",
    privateKey: "b6bfa0299b955e85224df2e468f29eeab377ff3b96d4462b39447a22d32b91be",
    random: [
      "d4990e7c8d13812137d06ba7017453de675ab0388d418853617f3ca58cc5daf3",
      "c82228383c9fb887f7d8b332c28262024eda5b6b0ecd2325fe662daffc0594fa",
    ],
    additionalData: "436f756e742d30",
    plaintext: "34323635363137353734373932303639373332303734373237353734363832633230" +
      "373437323735373436383230363236353631373537343739",
    ciphertext: "a4ab74475a498ed725f685421f67c09a4783fe76f67bd251e1e73db8eb1452dfad" +
      "4df3c6453f7edecc7bb055dde561e2efd54d73a3d4f1f2f02eac90ba1e9b84ded6" +
      "6d43aee6393524db",
    exporterContext: "70736575646f72616e646f6d30",
    exported: "14b64c194571a8e6fc16cb4d22754c79391081174b6001cd8050142f928defbb",
  },
  {
    source: "RFC 9180 A.1.1",
    kem: "X25519",
    aead: "AES-128-GCM",
    info: "4f6465206f6e2061204772656369616e2055726e",
    privateKey: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    random: ["52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"],
    additionalData: "436f756e742d30",
    plaintext: "4265617574792069732074727574682c20747275746820626561757479",
    ciphertext: "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9" +
      "6d8770ac83d07bea87e13c512a",
    exporterContext: "54657374436f6e74657874",
    exported: "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931",
  },
];

/** draft-connolly-cfrg-xwing-kem-10 appendix C, its first; of key and ciphertext the start. */
export const X_WING_VECTOR = {
  seed: "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
  encapsulationSeed: "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2" +
    "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
  publicKeyStart: "e2236b35a8c24b39b10aa1323a96a919",
  outputStart: "b83aa828d4d62b9a83ceffe1d3d3bb1e",
  secret: "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
} as const;
