export { transportContract } from "../../src/transport/contract/transport-contract.js";
