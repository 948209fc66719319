// Every frame that was exchanged, checked by typed-ocpp, which carries its own schemas.
// Standard input: a JSON object a line: {"protocol", "frame", "call"}; "call" is what a CALLRESULT answers.
// Exit status 1 if there are none, or one is wrong.
import { createInterface } from 'node:readline';
import { OCPP16, OCPP20, OCPP21 } from 'typed-ocpp';

const versions = { 'ocpp1.6': OCPP16, 'ocpp2.0.1': OCPP20, 'ocpp2.1': OCPP21 };
const count = {};
let wrong = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { protocol, frame, call } = JSON.parse(line);
  const version = versions[protocol];
  count[protocol] = (count[protocol] ?? 0) + 1;
  const check = call ? version.checkCallResult : version.validate;
  const fits = call ? check(frame, call) : check(frame);
  if (!fits) {
    wrong += 1;
    console.error(`${protocol}: ${JSON.stringify(frame).slice(0, 300)}: ${JSON.stringify(check.errors)}`);
  }
}
console.log(JSON.stringify({ count, wrong }));
process.exit(wrong || !Object.keys(count).length ? 1 : 0);
