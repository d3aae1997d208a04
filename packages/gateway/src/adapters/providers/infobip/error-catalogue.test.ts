import { errorCatalogueContract } from "../../../../test/contracts/error-catalogue.ts";
import { INFOBIP_ERRORS } from "./error-catalogue.ts";

errorCatalogueContract("infobip", INFOBIP_ERRORS, ["status_10", "status_52", "error_1", "error_603", "error_3041"]);
