/**
 * The examples of draft-ietf-mimi-content-09 (§5 and appendix B): what each says, its bytes, and the
 * `MessageId` that the draft prints for it. The draft's dumps of the reply and the reaction still refer to
 * an older id of the original; its diagnostic notation and their printed ids do not, and those are followed.
 */
import { type Content, DISPOSITION, type Part, type SinglePart } from "../content.ts";

export interface DraftExample {
  readonly name: string;
  readonly content: Content;
  readonly hex: string;
  /** Hexadecimal; undefined where the draft prints none. */
  readonly messageId: string | undefined;
}

const ROOM_URI = "mimi://example.com/r/engineering_team";
const ALICE = "mimi://example.com/u/alice-smith";
const BOB = "mimi://example.com/u/bob-jones";
const CATHY = "mimi://example.com/u/cathy-washington";
const MARKDOWN = "text/markdown;variant=GFM-MIMI";
const PLAIN = "text/plain;charset=utf-8";
const HTML = "text/html;charset=utf-8";

const ORIGINAL_ID = "017ce54837404c3696e0c747b985cb172716d0ed0a3d249ca63ace7d82a096f4";
const REPLY_ID = "015354973c2b65ca937bf1e035ae53a5ab80e947afa43d46920d4202e5cc0b27";
const REACTION_ID = "0158c4288911e50a8f6be3f47746b6682f10fd91bc8c05557aa589a3157aff68";

function message(
  salt: string,
  senderUri: string,
  body: Part,
  fields: Partial<Content> = {},
): Content {
  return {
    salt: Uint8Array.fromHex(salt),
    replaces: undefined,
    topicId: new Uint8Array(),
    expires: undefined,
    inReplyTo: undefined,
    extensions: { senderUri, roomUri: ROOM_URI, sentAtMs: undefined, others: [] },
    body,
    ...fields,
  };
}

function single(
  contentType: string,
  content: string | Uint8Array,
  fields: Partial<SinglePart> = {},
): Part {
  return {
    kind: "single",
    disposition: DISPOSITION.render,
    language: "",
    contentType,
    content: typeof content === "string" ? new TextEncoder().encode(content) : content,
    ...fields,
  };
}

const ORIGINAL = Uint8Array.fromHex(ORIGINAL_ID);
const REPLY = Uint8Array.fromHex(REPLY_ID);
const REACTION = Uint8Array.fromHex(REACTION_ID);
const REACTS = { disposition: DISPOSITION.reaction };

const NOT_ENCRYPTED = {
  expires: 0,
  size: 0,
  encryptionAlgorithm: 0,
  key: new Uint8Array(),
  nonce: new Uint8Array(),
  additionalData: new Uint8Array(),
  hashAlgorithm: 0,
  contentHash: new Uint8Array(),
};

/** Appendix B.3: two languages around one image. */
function welcome(imagePart: number, image: Part): Part {
  const html = (greeting: string, description: string) =>
    `<html><body><h1>${greeting}!</h1>\n<img src="cid:${imagePart}@local.invalid" ` +
    `alt="${description}"/>\n</body></html>`;
  return {
    kind: "multi",
    disposition: DISPOSITION.render,
    language: "",
    semantics: "process-all",
    parts: [
      {
        kind: "multi",
        disposition: DISPOSITION.render,
        language: "",
        semantics: "choose-one",
        parts: [
          single(HTML, html("Welcome", "Welcome image"), { language: "en" }),
          single(HTML, html("Bienvenue", "Image bienvenue"), { language: "fr" }),
        ],
      },
      image,
    ],
  };
}

const INLINE = { disposition: DISPOSITION.inline };

export const DRAFT_EXAMPLES: readonly DraftExample[] = [
  {
    name: "original",
    content: message(
      "5eed9406c2545547ab6f09f20a18b003",
      ALICE,
      single(MARKDOWN, "Hi everyone, we just shipped release 2.0. __Good  work__!"),
    ),
    hex: "87505eed9406c2545547ab6f09f20a18b003f640f6f6a20178206d696d693a2f2f6578616d706c652e63" +
      "6f6d2f752f616c6963652d736d6974680278256d696d693a2f2f6578616d706c652e636f6d2f722f656e" +
      "67696e656572696e675f7465616d85016001781e746578742f6d61726b646f776e3b76617269616e743d" +
      "47464d2d4d494d49583948692065766572796f6e652c207765206a75737420736869707065642072656c" +
      "6561736520322e302e205f5f476f6f642020776f726b5f5f21",
    messageId: ORIGINAL_ID,
  },
  {
    name: "reply",
    content: message(
      "11a458c73b8dd2cf404db4b378b8fe4d",
      BOB,
      single(MARKDOWN, "Right on! _Congratulations_ 'all!"),
      { inReplyTo: ORIGINAL },
    ),
    hex: "875011a458c73b8dd2cf404db4b378b8fe4df640f65820017ce54837404c3696e0c747b985cb172716d0" +
      "ed0a3d249ca63ace7d82a096f4a201781e6d696d693a2f2f6578616d706c652e636f6d2f752f626f622d" +
      "6a6f6e65730278256d696d693a2f2f6578616d706c652e636f6d2f722f656e67696e656572696e675f74" +
      "65616d85016001781e746578742f6d61726b646f776e3b76617269616e743d47464d2d4d494d49582152" +
      "69676874206f6e21205f436f6e67726174756c6174696f6e735f2027616c6c21",
    messageId: REPLY_ID,
  },
  {
    name: "reaction",
    content: message("d37bc0e6a8b4f04e9e6382375f587bf6", CATHY, single(PLAIN, "\u2764", REACTS), {
      inReplyTo: ORIGINAL,
    }),
    hex: "8750d37bc0e6a8b4f04e9e6382375f587bf6f640f65820017ce54837404c3696e0c747b985cb172716d0" +
      "ed0a3d249ca63ace7d82a096f4a20178256d696d693a2f2f6578616d706c652e636f6d2f752f63617468" +
      "792d77617368696e67746f6e0278256d696d693a2f2f6578616d706c652e636f6d2f722f656e67696e65" +
      "6572696e675f7465616d850260017818746578742f706c61696e3b636861727365743d7574662d3843e2" +
      "9da4",
    messageId: REACTION_ID,
  },
  {
    name: "mention",
    content: message(
      "04f290e215d0f82d1750bfa8b7dc089d",
      CATHY,
      single(
        MARKDOWN,
        "Kudos to [@Alice Smith](mimi://example.com/u/alice-smith) for making the release happen!",
      ),
      { inReplyTo: ORIGINAL },
    ),
    hex: "875004f290e215d0f82d1750bfa8b7dc089df640f65820017ce54837404c3696e0c747b985cb172716d0" +
      "ed0a3d249ca63ace7d82a096f4a20178256d696d693a2f2f6578616d706c652e636f6d2f752f63617468" +
      "792d77617368696e67746f6e0278256d696d693a2f2f6578616d706c652e636f6d2f722f656e67696e65" +
      "6572696e675f7465616d85016001781e746578742f6d61726b646f776e3b76617269616e743d47464d2d" +
      "4d494d4958584b75646f7320746f205b40416c69636520536d6974685d286d696d693a2f2f6578616d70" +
      "6c652e636f6d2f752f616c6963652d736d6974682920666f72206d616b696e67207468652072656c6561" +
      "73652068617070656e21",
    messageId: "018d825adf9f6be00dcafc5704c4102f5022e74219d0b603e4ba7622654042af",
  },
  {
    name: "mention in HTML",
    content: message(
      "15d9705fd5bf5e02b0af47c85f8b98fe",
      CATHY,
      single(
        HTML,
        '<p>Kudos to <a href="mimi://example.com/u/alice-smith">@Alice Smith</a> for making the release happen!</p>',
      ),
      { inReplyTo: ORIGINAL },
    ),
    hex: "875015d9705fd5bf5e02b0af47c85f8b98fef640f65820017ce54837404c3696e0c747b985cb172716d0" +
      "ed0a3d249ca63ace7d82a096f4a20178256d696d693a2f2f6578616d706c652e636f6d2f752f63617468" +
      "792d77617368696e67746f6e0278256d696d693a2f2f6578616d706c652e636f6d2f722f656e67696e65" +
      "6572696e675f7465616d8501600177746578742f68746d6c3b636861727365743d7574662d38586a3c70" +
      "3e4b75646f7320746f203c6120687265663d226d696d693a2f2f6578616d706c652e636f6d2f752f616c" +
      "6963652d736d697468223e40416c69636520536d6974683c2f613e20666f72206d616b696e6720746865" +
      "2072656c656173652068617070656e213c2f703e",
    messageId: undefined,
  },
  {
    name: "edit",
    content: message(
      "b8c2e6d8800ecf45df39be6c45f4c042",
      BOB,
      single(MARKDOWN, "Right on! _Congratulations_ y'all!"),
      { replaces: REPLY, inReplyTo: ORIGINAL },
    ),
    hex: "8750b8c2e6d8800ecf45df39be6c45f4c0425820015354973c2b65ca937bf1e035ae53a5ab80e947afa4" +
      "3d46920d4202e5cc0b2740f65820017ce54837404c3696e0c747b985cb172716d0ed0a3d249ca63ace7d" +
      "82a096f4a201781e6d696d693a2f2f6578616d706c652e636f6d2f752f626f622d6a6f6e65730278256d" +
      "696d693a2f2f6578616d706c652e636f6d2f722f656e67696e656572696e675f7465616d85016001781e" +
      "746578742f6d61726b646f776e3b76617269616e743d47464d2d4d494d4958225269676874206f6e2120" +
      "5f436f6e67726174756c6174696f6e735f207927616c6c21",
    messageId: "014028c0deddbdea56bec26172f6ede953d11024cb82b8192b5e2aea62d7fb47",
  },
  {
    name: "delete",
    content: message(
      "0a590d73b2c7761c39168be5ebf7f2e6",
      BOB,
      { kind: "null", disposition: DISPOSITION.render, language: "" },
      { replaces: REPLY, inReplyTo: ORIGINAL },
    ),
    hex: "87500a590d73b2c7761c39168be5ebf7f2e65820015354973c2b65ca937bf1e035ae53a5ab80e947afa4" +
      "3d46920d4202e5cc0b2740f65820017ce54837404c3696e0c747b985cb172716d0ed0a3d249ca63ace7d" +
      "82a096f4a201781e6d696d693a2f2f6578616d706c652e636f6d2f752f626f622d6a6f6e65730278256d" +
      "696d693a2f2f6578616d706c652e636f6d2f722f656e67696e656572696e675f7465616d83016000",
    messageId: "011d9efc78d04d4dcf4d82b07d5199bbef37011c1f0c7e004b6111c6dda504b4",
  },
  {
    name: "unlike",
    content: message(
      "c5ba86dc9fd272e58ca52ec805b79199",
      CATHY,
      { kind: "null", language: "", ...REACTS },
      { replaces: REACTION, inReplyTo: ORIGINAL },
    ),
    hex: "8750c5ba86dc9fd272e58ca52ec805b7919958200158c4288911e50a8f6be3f47746b6682f10fd91bc8c" +
      "05557aa589a3157aff6840f65820017ce54837404c3696e0c747b985cb172716d0ed0a3d249ca63ace7d" +
      "82a096f4a20178256d696d693a2f2f6578616d706c652e636f6d2f752f63617468792d77617368696e67" +
      "746f6e0278256d696d693a2f2f6578616d706c652e636f6d2f722f656e67696e656572696e675f746561" +
      "6d83026000",
    messageId: "013aadbb8f313253c8930f4e93c6ca54b2ed06d258185bdcec3870534c8a4ec4",
  },
  {
    name: "expiring",
    content: message(
      "33be993eb39f418f9295afc2ae160d2d",
      ALICE,
      single(
        MARKDOWN,
        "__*VPN GOING DOWN*__ I'm rebooting the VPN in ten minutes unless anyone objects.",
      ),
      { expires: { kind: "at", seconds: 1_644_390_004 } },
    ),
    hex: "875033be993eb39f418f9295afc2ae160d2df64082f41a62036674f6a20178206d696d693a2f2f657861" +
      "6d706c652e636f6d2f752f616c6963652d736d6974680278256d696d693a2f2f6578616d706c652e636f" +
      "6d2f722f656e67696e656572696e675f7465616d85016001781e746578742f6d61726b646f776e3b7661" +
      "7269616e743d47464d2d4d494d4958505f5f2a56504e20474f494e4720444f574e2a5f5f2049276d2072" +
      "65626f6f74696e67207468652056504e20696e2074656e206d696e7574657320756e6c65737320616e79" +
      "6f6e65206f626a656374732e",
    messageId: "01e59db8173939facc2c8a4a0f0ae8d0c7a11a81239626630c9464a8d6717a03",
  },
  {
    name: "attachment",
    content: message("18fac6371e4e53f1aeaf8a013155c166", BOB, {
      kind: "external",
      disposition: DISPOSITION.attachment,
      language: "en",
      contentType: "video/mp4",
      url: "https://example.com/storage/8ksB4bSrrRE.mp4",
      expires: 0,
      size: 708_234_961,
      encryptionAlgorithm: 1,
      key: Uint8Array.fromHex("21399320958a6f4c745dde670d95e0d8"),
      nonce: Uint8Array.fromHex("c86cf2c33f21527d1dd76f5b"),
      additionalData: new Uint8Array(),
      hashAlgorithm: 1,
      contentHash: Uint8Array.fromHex(
        "9ab17a8cf0890baaae7ee016c7312fcc080ba46498389458ee44f0276e783163",
      ),
      description: "2 hours of key signing video",
      filename: "bigfile.mp4",
    }),
    hex: "875018fac6371e4e53f1aeaf8a013155c166f640f6f6a201781e6d696d693a2f2f6578616d706c652e63" +
      "6f6d2f752f626f622d6a6f6e65730278256d696d693a2f2f6578616d706c652e636f6d2f722f656e6769" +
      "6e656572696e675f7465616d8f0662656e0269766964656f2f6d7034782b68747470733a2f2f6578616d" +
      "706c652e636f6d2f73746f726167652f386b7342346253727252452e6d7034001a2a36ced10150213993" +
      "20958a6f4c745dde670d95e0d84cc86cf2c33f21527d1dd76f5b400158209ab17a8cf0890baaae7ee016" +
      "c7312fcc080ba46498389458ee44f0276e783163781c3220686f757273206f66206b6579207369676e69" +
      "6e6720766964656f6b62696766696c652e6d7034",
    messageId: "0176180c7d19a925021fe446d241134d05c38e0d999cdc0f39c391d2377ed9d1",
  },
  {
    name: "conferencing",
    content: message(
      "678ac6cd54de049c3e9665cd212470fa",
      ALICE,
      {
        kind: "external",
        disposition: DISPOSITION.session,
        language: "",
        contentType: "",
        url: "https://example.com/join/12345",
        ...NOT_ENCRYPTED,
        description: "Join the Foo 118 conference",
        filename: "",
      },
      { topicId: new TextEncoder().encode("Foo 118") },
    ),
    hex: "8750678ac6cd54de049c3e9665cd212470faf647466f6f20313138f6f6a20178206d696d693a2f2f6578" +
      "616d706c652e636f6d2f752f616c6963652d736d6974680278256d696d693a2f2f6578616d706c652e63" +
      "6f6d2f722f656e67696e656572696e675f7465616d8f07600260781e68747470733a2f2f6578616d706c" +
      "652e636f6d2f6a6f696e2f31323334350000004040400040781b4a6f696e2074686520466f6f20313138" +
      "20636f6e666572656e636560",
    messageId: "01496d15a8dba28d7397f9868b70768e4a67f765d5b5b1ae9e03848c5fdeb0ba",
  },
  {
    name: "multipart 1: common and proprietary",
    content: message("261c953e178af653fe3d42641b91d814", ALICE, {
      kind: "multi",
      disposition: DISPOSITION.render,
      language: "",
      semantics: "choose-one",
      parts: [
        single(MARKDOWN, "# Welcome!"),
        single(
          "application/vnd.examplevendor-fancy-im-message",
          Uint8Array.fromHex("dc861ebaa718fd7c3ca159f71a2001"),
        ),
      ],
    }),
    hex: "8750261c953e178af653fe3d42641b91d814f640f6f6a20178206d696d693a2f2f6578616d706c652e63" +
      "6f6d2f752f616c6963652d736d6974680278256d696d693a2f2f6578616d706c652e636f6d2f722f656e" +
      "67696e656572696e675f7465616d85016003008285016001781e746578742f6d61726b646f776e3b7661" +
      "7269616e743d47464d2d4d494d494a232057656c636f6d652185016001782e6170706c69636174696f6e" +
      "2f766e642e6578616d706c6576656e646f722d66616e63792d696d2d6d6573736167654fdc861ebaa718" +
      "fd7c3ca159f71a2001",
    messageId: "01da5a515ec5db42cc4dcc19b90c3c31245d8a1cfcce11318f24eb11dce0990e",
  },
  {
    name: "multipart 2: reactions",
    content: message("8528dc2d92e4f1944d62042907ab94d0", ALICE, {
      kind: "multi",
      language: "",
      semantics: "process-all",
      parts: ["\u2764", "\u{1f973}", "\u{1f91e}"].map((emoji) => single(PLAIN, emoji, REACTS)),
      ...REACTS,
    }),
    hex: "87508528dc2d92e4f1944d62042907ab94d0f640f6f6a20178206d696d693a2f2f6578616d706c652e63" +
      "6f6d2f752f616c6963652d736d6974680278256d696d693a2f2f6578616d706c652e636f6d2f722f656e" +
      "67696e656572696e675f7465616d850260030283850260017818746578742f706c61696e3b6368617273" +
      "65743d7574662d3843e29da4850260017818746578742f706c61696e3b636861727365743d7574662d38" +
      "44f09fa5b3850260017818746578742f706c61696e3b636861727365743d7574662d3844f09fa49e",
    messageId: "01d65918c6c51c8e76546337276ae6f4bfd873d867d5cb57c76bcdca3d999dd7",
  },
  {
    name: "multipart 3: nested to the limit",
    content: message("b8362793168d18c049b882d4642a2274", ALICE, {
      kind: "multi",
      disposition: DISPOSITION.render,
      language: "",
      semantics: "choose-one",
      parts: [
        welcome(
          5,
          single("image/gif", Uint8Array.fromHex("dc861ebaa718fd7c3ca159f71a2001a7"), INLINE),
        ),
        welcome(
          10,
          single("image/png", Uint8Array.fromHex("fa444237451a05a72bb0f67037cc1669"), INLINE),
        ),
      ],
    }),
    hex: "8750b8362793168d18c049b882d4642a2274f640f6f6a20178206d696d693a2f2f6578616d706c652e63" +
      "6f6d2f752f616c6963652d736d6974680278256d696d693a2f2f6578616d706c652e636f6d2f722f656e" +
      "67696e656572696e675f7465616d850160030082850160030282850160030082850162656e0177746578" +
      "742f68746d6c3b636861727365743d7574662d3858613c68746d6c3e3c626f64793e3c68313e57656c63" +
      "6f6d65213c2f68313e0a3c696d67207372633d226369643a35406c6f63616c2e696e76616c6964222061" +
      "6c743d2257656c636f6d6520696d616765222f3e0a3c2f626f64793e3c2f68746d6c3e85016266720177" +
      "746578742f68746d6c3b636861727365743d7574662d3858653c68746d6c3e3c626f64793e3c68313e42" +
      "69656e76656e7565213c2f68313e0a3c696d67207372633d226369643a35406c6f63616c2e696e76616c" +
      "69642220616c743d22496d616765206269656e76656e7565222f3e0a3c2f626f64793e3c2f68746d6c3e" +
      "8504600169696d6167652f67696650dc861ebaa718fd7c3ca159f71a2001a78501600302828501600300" +
      "82850162656e0177746578742f68746d6c3b636861727365743d7574662d3858623c68746d6c3e3c626f" +
      "64793e3c68313e57656c636f6d65213c2f68313e0a3c696d67207372633d226369643a3130406c6f6361" +
      "6c2e696e76616c69642220616c743d2257656c636f6d6520696d616765222f3e0a3c2f626f64793e3c2f" +
      "68746d6c3e85016266720177746578742f68746d6c3b636861727365743d7574662d3858663c68746d6c" +
      "3e3c626f64793e3c68313e4269656e76656e7565213c2f68313e0a3c696d67207372633d226369643a31" +
      "30406c6f63616c2e696e76616c69642220616c743d22496d616765206269656e76656e7565222f3e0a3c" +
      "2f626f64793e3c2f68746d6c3e8504600169696d6167652f706e6750fa444237451a05a72bb0f67037cc" +
      "1669",
    messageId: "01cfebeadbdb83c1eefb6403ba4852daf8bbbf9cd53bf5035a74d5d741950c9f",
  },
];
