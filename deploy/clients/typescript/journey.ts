// The journey with the client of openapi-typescript and openapi-fetch.
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const client = createClient<paths>({ baseUrl: process.env.BASE_URL! });
const credentials = { email: "ann@nordlicht.example", password: "correct horse battery" };

// Register and log in. The first account of an installation may be an admin.
const registered = await client.POST("/api/auth/register", { body: { ...credentials, role: "admin" } });
assert(registered.data && "user" in registered.data); // the answer is another one if the address must be confirmed first
assert.equal(registered.data.user.role, "admin");
const login = await client.POST("/api/auth/login", { body: credentials });
assert.equal(login.response.status, 200);
assert(login.data && "token" in login.data); // the answer is another one if the account has a second factor
const { token } = login.data;
client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
  },
});

// Create.
const created = await client.POST("/api/passports", {
  body: {
    data: {
      generalInformation: { batteryIdentifier: "https://nordlicht.example/batteries/1", batteryCategory: "EV", batteryMass: 123456.789 },
      performanceAndDurability: { ratedCapacityAh: 0.1, expectedLifetimeCycles: 1500 },
    },
  },
});
assert.equal(created.data?.data.generalInformation?.batteryMass, 123456.789);
assert.equal(created.data.state, "draft");
const id = created.data.id;

// A problem names each error.
const refused = await client.POST("/api/passports", { body: { data: { generalInformation: { batteryMass: -1 } } } });
assert.equal(refused.response.status, 422);
assert.equal(refused.error?.errors?.[0]?.path, "/data/generalInformation/batteryMass");

// Patch: null removes a member.
const patched = await client.PATCH("/api/passports/{id}", {
  params: { path: { id } },
  headers: { "Content-Type": "application/merge-patch+json" },
  body: { data: { generalInformation: { batteryMass: null }, performanceAndDurability: { ratedCapacityAh: 94.5 } } },
});
const { generalInformation, performanceAndDurability } = patched.data!.data;
assert.equal("batteryMass" in generalInformation!, false);
assert.equal(performanceAndDurability?.ratedCapacityAh, 94.5);
assert.equal(performanceAndDurability?.expectedLifetimeCycles, 1500);

// List.
const list = await client.GET("/api/passports", { params: { query: { batteryCategory: "EV" } } });
assert.deepEqual(list.data?.items.map((p) => [p.id, p.version]), [[id, 2]]);

// Upload.
const form = new FormData();
form.set("file", new Blob(["torque 12 Nm\n"], { type: "text/plain" }), "torque.txt");
form.set("passportId", id);
form.set("kind", "log");
const uploaded = await client.POST("/api/documents/upload", { body: { file: "torque.txt" }, bodySerializer: () => form });
assert.deepEqual([uploaded.data?.fileSize, uploaded.data?.kind, uploaded.data?.passportId], [13, "log", id]);

// Notifications come soon after the event.
let types: string[] = [];
for (let i = 0; i < 100 && !types.includes("passport.created"); i++, await setTimeout(100)) {
  types = (await client.GET("/api/notifications")).data!.items.map((n) => n.eventType);
}
assert.ok(types.includes("passport.created"), types.join());
