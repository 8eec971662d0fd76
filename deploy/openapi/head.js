// Gives the joined OpenAPI document a title and a description of its own: redocly join
// takes those of the first document.
const { readFileSync, writeFileSync } = require("fs");

const [, , file] = process.argv;
const document = JSON.parse(readFileSync(file, "utf8"));
const evolution = document.info.description.split("\n\n").pop();
document.info.title = "Battery Passport";
document.info.description =
  "All services of the battery passport suite behind one host. Each service also has a document of its own, at /openapi.json.\n\n" + evolution;
writeFileSync(file, JSON.stringify(document, null, 2) + "\n");
