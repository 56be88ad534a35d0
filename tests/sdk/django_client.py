"""django-salesforce, unmodified, through Forcefield: models over REST, with a session from OAuth or from SOAP.

Arguments: URL, client id, secret, user name, password, kind of login. REQUESTS_CA_BUNDLE names the CA. Prints one
JSON object.
"""

import json
import sys

import django
from django.conf import settings

url, client_id, secret, username, password, kind = sys.argv[1:7]
settings.configure(
    INSTALLED_APPS=["salesforce"],
    DATABASE_ROUTERS=["salesforce.router.ModelRouter"],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "salesforce": {
            "ENGINE": "salesforce.backend",
            "AUTH": f"salesforce.auth.{kind}",
            "HOST": url,
            "CONSUMER_KEY": client_id,
            "CONSUMER_SECRET": secret,
            "USER": username,
            "PASSWORD": password,
        },
    },
)
django.setup()

from salesforce import models  # noqa: E402  (after the settings)
from salesforce.dbapi.exceptions import SalesforceError  # noqa: E402


class Account(models.SalesforceModel):
    name = models.CharField(max_length=255, db_column="Name")
    industry = models.CharField(max_length=40, db_column="Industry", null=True, blank=True)

    class Meta:
        db_table = "Account"
        app_label = "tests"
        managed = False


class Contact(models.SalesforceModel):
    last_name = models.CharField(max_length=80, db_column="LastName")
    email = models.EmailField(db_column="Email")

    class Meta:
        db_table = "Contact"
        app_label = "tests"
        managed = False


class Secret(models.SalesforceModel):
    ssn = models.CharField(max_length=11, db_column="SSN__c")

    class Meta:
        db_table = "Contact"
        app_label = "tests"
        managed = False


class Case(models.SalesforceModel):
    subject = models.CharField(max_length=255, db_column="Subject")

    class Meta:
        db_table = "Case"
        app_label = "tests"
        managed = False


seen = {"contacts": len(list(Contact.objects.all())), "counted": Contact.objects.count()}
account = Account.objects.create(name="From Django")
Account.objects.filter(pk=account.pk).update(industry="Energy")
seen["read"] = Account.objects.get(pk=account.pk).industry
seen["found"] = Account.objects.filter(name__contains="Django").count()
account.industry = "Media"
account.save()
account.delete()
made = Account.objects.bulk_create([Account(name="Bulk one"), Account(name="Bulk two")])
seen["bulk"] = len(made)
Account.objects.filter(name__startswith="Bulk ").delete()
seen["left"] = Account.objects.filter(name__startswith="Bulk ").count()

for name, call in {
    "field": lambda: list(Secret.objects.all()),
    "object": lambda: list(Case.objects.all()),
    "write": lambda: Case.objects.create(subject="x"),
}.items():
    try:
        call()
        seen[name] = "allowed"
    except SalesforceError as error:
        seen[name] = {"class": type(error).__name__, "refused": "INSUFFICIENT_ACCESS" in str(error)}

print(json.dumps(seen))
