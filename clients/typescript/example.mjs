// Ann starts to play a duel: `node example.mjs http://127.0.0.1:8000 [key]`, after `npm run build`.
import process from "node:process";
import { Modepulse } from "modepulse-client";

const modepulse = new Modepulse(process.argv[2], { key: process.argv[3] });
modepulse.login("ann", 111, "duel");
await modepulse.flush();
console.log(await modepulse.stats(111));
modepulse.logout("ann", 111, "duel");
