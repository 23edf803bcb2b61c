// Made by capnp-es 0.0.16 from packages/capnp/test/message.capnp (without annotations); only `override` was added.
// deno-lint-ignore-file adjacent-overload-signatures
import * as $ from "capnp-es";
export const _capnpFileId = 0xe1a7c5d39b204f68n;
export class Message extends $.Struct {
  static override readonly _capnp = {
    displayName: "Message",
    id: "b359d4ed37210493",
    size: new $.ObjectSize(32, 5),
  };
  get sequence(): bigint {
    return $.utils.getUint64(0, this);
  }
  set sequence(value: bigint) {
    $.utils.setUint64(0, value, this);
  }
  get sentAtMs(): bigint {
    return $.utils.getUint64(8, this);
  }
  set sentAtMs(value: bigint) {
    $.utils.setUint64(8, value, this);
  }
  get epoch(): bigint {
    return $.utils.getUint64(16, this);
  }
  set epoch(value: bigint) {
    $.utils.setUint64(16, value, this);
  }
  get generation(): number {
    return $.utils.getUint32(24, this);
  }
  set generation(value: number) {
    $.utils.setUint32(24, value, this);
  }
  get kind(): number {
    return $.utils.getUint16(28, this);
  }
  set kind(value: number) {
    $.utils.setUint16(28, value, this);
  }
  get urgent(): boolean {
    return $.utils.getBit(240, this);
  }
  set urgent(value: boolean) {
    $.utils.setBit(240, value, this);
  }
  _adoptChannelId(value: $.Orphan<$.Data>): void {
    $.utils.adopt(value, $.utils.getPointer(0, this));
  }
  _disownChannelId(): $.Orphan<$.Data> {
    return $.utils.disown(this.channelId);
  }
  get channelId(): $.Data {
    return $.utils.getData(0, this);
  }
  _hasChannelId(): boolean {
    return !$.utils.isNull($.utils.getPointer(0, this));
  }
  _initChannelId(length: number): $.Data {
    return $.utils.initData(0, length, this);
  }
  set channelId(value: $.Data) {
    $.utils.copyFrom(value, $.utils.getPointer(0, this));
  }
  _adoptEntryId(value: $.Orphan<$.Data>): void {
    $.utils.adopt(value, $.utils.getPointer(1, this));
  }
  _disownEntryId(): $.Orphan<$.Data> {
    return $.utils.disown(this.entryId);
  }
  get entryId(): $.Data {
    return $.utils.getData(1, this);
  }
  _hasEntryId(): boolean {
    return !$.utils.isNull($.utils.getPointer(1, this));
  }
  _initEntryId(length: number): $.Data {
    return $.utils.initData(1, length, this);
  }
  set entryId(value: $.Data) {
    $.utils.copyFrom(value, $.utils.getPointer(1, this));
  }
  get sender(): string {
    return $.utils.getText(2, this);
  }
  set sender(value: string) {
    $.utils.setText(2, value, this);
  }
  get subject(): string {
    return $.utils.getText(3, this);
  }
  set subject(value: string) {
    $.utils.setText(3, value, this);
  }
  _adoptBody(value: $.Orphan<$.Data>): void {
    $.utils.adopt(value, $.utils.getPointer(4, this));
  }
  _disownBody(): $.Orphan<$.Data> {
    return $.utils.disown(this.body);
  }
  get body(): $.Data {
    return $.utils.getData(4, this);
  }
  _hasBody(): boolean {
    return !$.utils.isNull($.utils.getPointer(4, this));
  }
  _initBody(length: number): $.Data {
    return $.utils.initData(4, length, this);
  }
  set body(value: $.Data) {
    $.utils.copyFrom(value, $.utils.getPointer(4, this));
  }
  override toString(): string {
    return "Message_" + super.toString();
  }
}
