# The journey with the client of openapi-python-client.
import io
import os
import time

from battery_passport import AuthenticatedClient, Client, models as m
from battery_passport.api.auth import log_in, register_account
from battery_passport.api.documents import upload_document
from battery_passport.api.notifications import list_notifications
from battery_passport.api.passports import create_passport, list_passports, patch_passport
from battery_passport.types import UNSET, File

anonymous = Client(os.environ["BASE_URL"])
email, password = "ann@nordlicht.example", "correct horse battery"

# Register and log in. The first account of an installation may be an admin.
registered = register_account.sync(client=anonymous, body=m.Registration(email, password, role=m.RegistrationRole.ADMIN))
assert registered.user.role == "admin", registered
login = log_in.sync(client=anonymous, body=m.Credentials(email, password))
client = AuthenticatedClient(os.environ["BASE_URL"], login.token)

# Create. A problem names each error.
general = m.GeneralInformationInput(
    battery_identifier="https://nordlicht.example/batteries/1",
    battery_category=m.GeneralInformationInputBatteryCategory.EV,
    battery_mass=-1,
)
performance = m.PerformanceAndDurabilityInput(rated_capacity_ah=0.1, expected_lifetime_cycles=1500)
body = m.PassportInput(m.DataInput(general_information=general, performance_and_durability=performance))
refused = create_passport.sync_detailed(client=client, body=body)
assert refused.status_code == 422 and refused.parsed.errors[0].path == "/data/generalInformation/batteryMass", refused
general.battery_mass = 123456.789
created = create_passport.sync(client=client, body=body)
assert created.data.general_information.battery_mass == 123456.789, created

# Patch: null removes a member.
patch = m.DataPatch(
    general_information=m.GeneralInformationPatch(battery_mass=None),
    performance_and_durability=m.PerformanceAndDurabilityPatch(rated_capacity_ah=94.5),
)
patched = patch_passport.sync(created.id, client=client, body=m.PassportPatch(patch))
assert patched.data.general_information.battery_mass is UNSET, patched
changed = patched.data.performance_and_durability
assert (changed.rated_capacity_ah, changed.expected_lifetime_cycles) == (94.5, 1500), patched

# List.
page = list_passports.sync(client=client, battery_category=m.ListPassportsBatteryCategory.EV)
assert [(p.id, p.version) for p in page.items] == [(created.id, 2)], page

# Upload.
file = File(io.BytesIO(b"torque 12 Nm\n"), "torque.txt", "text/plain")
form = m.DocumentUpload(file, passport_id=created.id, kind=m.DocumentUploadKind.LOG, is_public=False)
uploaded = upload_document.sync(client=client, body=form)
assert (uploaded.file_size, uploaded.kind, uploaded.passport_id) == (13, "log", created.id), uploaded

# Notifications come soon after the event.
for _ in range(100):
    if "passport.created" in [n.event_type for n in list_notifications.sync(client=client).items]:
        break
    time.sleep(0.1)
else:
    raise AssertionError("no notification passport.created")
