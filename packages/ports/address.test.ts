import assert from "node:assert/strict";
import { networkOf } from "./address.ts";

Deno.test("networkOf() takes IPv4 addresses whole, also inside of IPv6", () => {
  assert.equal(networkOf("192.0.2.7"), "192.0.2.7");
  assert.equal(networkOf("::ffff:192.0.2.7"), "192.0.2.7");
});

Deno.test("networkOf() takes the first 64 bits of an IPv6 address, however it is written", () => {
  const one = [
    "2001:db8:1:2::",
    "2001:db8:1:2:3:4:5:6",
    "2001:0DB8:0001:2::9",
    "2001:db8:1:2::1%7",
  ];
  for (const address of one) assert.equal(networkOf(address), "2001:db8:1:2::/64", address);
  assert.equal(networkOf("2001:db8:1:3::9"), "2001:db8:1:3::/64");
  assert.equal(networkOf("2001:db8::9"), "2001:db8:0:0::/64");
  assert.equal(networkOf("2001:db8:0:0:7::"), "2001:db8:0:0::/64");
  assert.equal(networkOf("2001::2:3:4:5:6:7"), "2001:0:2:3::/64");
  assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.equal(networkOf("::1"), "0:0:0:0::/64");
  assert.equal(networkOf("::"), "0:0:0:0::/64");
});
