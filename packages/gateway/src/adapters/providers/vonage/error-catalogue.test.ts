import { errorCatalogueContract } from "../../../../test/contracts/error-catalogue.ts";
import { VONAGE_ERRORS } from "./error-catalogue.ts";

errorCatalogueContract("vonage", VONAGE_ERRORS, ["1240", "1190", "1430", "1170", "1040"]);
