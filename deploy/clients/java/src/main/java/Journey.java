// The journey with the client of openapi-generator.
import java.nio.file.Files;
import java.util.Objects;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.*;
import org.openapitools.client.model.*;

public class Journey {
  public static void main(String[] arguments) throws Exception {
    var client = new ApiClient();
    client.updateBaseUri(System.getenv("BASE_URL"));
    var auth = new AuthApi(client);
    var email = "ann@nordlicht.example";
    var password = "correct horse battery";

    // Register and log in. The first account of an installation may be an admin.
    var registered = auth.registerAccount(new Registration().email(email).password(password).role(Registration.RoleEnum.ADMIN));
    check(AccountSummary.RoleEnum.ADMIN, registered.getUser().getRole());
    var token = auth.logIn(new Credentials().email(email).password(password), null, null).getToken();
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    var passports = new PassportsApi(client);

    // Create. A problem names each error.
    var general = new GeneralInformationInput().batteryIdentifier("https://nordlicht.example/batteries/1")
        .batteryCategory(GeneralInformationInput.BatteryCategoryEnum.EV).batteryMass(-1.0);
    var performance = new PerformanceAndDurabilityInput().ratedCapacityAh(0.1).expectedLifetimeCycles(1500L);
    var input = new PassportInput().data(new DataInput().generalInformation(general).performanceAndDurability(performance));
    try {
      passports.createPassport(input, null, null);
      throw new AssertionError("a negative mass was accepted");
    } catch (ApiException e) {
      check(422, e.getCode());
      var problem = ApiClient.createDefaultObjectMapper().readValue(e.getResponseBody(), Problem.class);
      check("/data/generalInformation/batteryMass", problem.getErrors().get(0).getPath());
    }
    general.batteryMass(123456.789);
    var created = passports.createPassport(input, null, null);
    check(123456.789, created.getData().getGeneralInformation().getBatteryMass());

    // Patch: null removes a member.
    var patch = new DataPatch().generalInformation(new GeneralInformationPatch().batteryMass(null))
        .performanceAndDurability(new PerformanceAndDurabilityPatch().ratedCapacityAh(94.5));
    var patched = passports.patchPassport(created.getId(), new PassportPatch().data(patch), null).getData();
    check(null, patched.getGeneralInformation().getBatteryMass());
    check(94.5, patched.getPerformanceAndDurability().getRatedCapacityAh());
    check(1500L, patched.getPerformanceAndDurability().getExpectedLifetimeCycles());

    // List.
    var list = passports.listPassports(null, null, null, "EV", null, null, null, null).getItems();
    check(1, list.size());
    check(created.getId(), list.get(0).getId());
    check(2L, list.get(0).getVersion());

    // Upload.
    var file = Files.writeString(Files.createTempFile("torque", ".txt"), "torque 12 Nm\n").toFile();
    var uploaded = new DocumentsApi(client).uploadDocument(file, null, null, null, null, "log", created.getId());
    check(13L, uploaded.getFileSize());
    check(created.getId(), uploaded.getPassportId());

    // Notifications come soon after the event.
    var notifications = new NotificationsApi(client);
    for (var i = 0; notifications.listNotifications(null, null, null, null, null, null).getItems().stream().noneMatch(n -> n.getEventType().equals("passport.created")); i++) {
      check(true, i < 100);
      Thread.sleep(100);
    }
  }

  private static void check(Object want, Object got) {
    if (!Objects.equals(want, got)) {
      throw new AssertionError("got " + got + ", want " + want);
    }
  }
}
