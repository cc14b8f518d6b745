from django.db.transaction import non_atomic_requests
from django.urls import path

from controlplane.console.views import home, language, sign_in

app_name = "console"

urlpatterns = [
    path("", home.Overview.as_view(), name="overview"),
    # Without a transaction around them: see identity.sign_in.
    path("sign-in", non_atomic_requests(sign_in.SignIn.as_view()), name="sign-in"),
    path("sign-out", non_atomic_requests(sign_in.SignOut.as_view()), name="sign-out"),
    path("password", non_atomic_requests(sign_in.Password.as_view()), name="password"),
    path("language", language.choose, name="language"),
]
